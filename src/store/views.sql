-- Views for hosts; each campaign has campaign_<id>_customers besides (store/views.rs). Ask for one campaign: WHERE campaign = ?

-- The dial lists' entries.
CREATE VIEW dial_entry AS
    SELECT c.id AS campaign, e.place % 100000000000 AS id, e.customer, e.phone, e.priority, e.dial_time, e.place
    FROM campaign c CROSS JOIN dial_row e
         ON e.place BETWEEN c.list * 100000000000 AND c.list * 100000000000 + 99999999999;

-- The dial list in the order of dialling, those whose time has not come and leased ones in their places.
CREATE VIEW dial_list AS
    SELECT campaign, id, customer, phone, priority, dial_time, state, place FROM (
        SELECT w.campaign, e.place % 100000000000 AS id, e.customer, e.phone, w.priority, e.dial_time, 'waiting' AS state, w.due, w.first, e.place
        FROM dial_waiting w CROSS JOIN dial_row e ON e.place BETWEEN w.first AND w.last
        UNION ALL
        SELECT l.campaign, l.place % 100000000000, e.customer, e.phone, e.priority, e.dial_time,
               iif(l.lease_end > unixepoch('subsec') * 1000, 'leased', 'waiting'), ifnull(e.dial_time, -100000000000), l.place, l.place
        FROM dial_lease l CROSS JOIN dial_row e ON e.place = l.place
        ORDER BY 1, 5 DESC, 8, 9, 10);

-- The jobs without what only the library needs.
CREATE VIEW job_history AS
    SELECT campaign, id, source, url, state, run_at, started_at, finished_at, bytes_total, bytes_read,
           read, inserted, updated, skipped, rejected, dial_listed, message, warnings
    FROM job ORDER BY campaign, id;
