/**
 * Brings call-centre customers into a SQLite database: whole CSV files from an HTTP or FTP server, or one record at a
 * time. {@link importcji.Engine} is where to begin.
 */
package importcji;
