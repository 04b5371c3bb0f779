<?php

/**
 * A dialer: takes the next numbers of a campaign, calls them, and tells what came of each.
 *
 *     php dialer.php DATABASE CAMPAIGN
 *
 * Any number of them may run at a time: no two get the same number.
 */

declare(strict_types=1);

use ImportCji\Engine;

require __DIR__ . '/vendor/autoload.php';

/** Longer than the longest call: when it runs out, the number is handed to the next who asks. */
const LEASE_SECONDS = 600;

/** Pretends to call: the customer's new status, and what becomes of the entry. */
function call(string $phone): array
{
    return match (true) {
        str_ends_with($phone, '3') => ['pending', [
            'outcome' => 'retry',
            'dial_time' => date('Y-m-d H:i:s', strtotime('tomorrow 09:00')),
            'priority' => 1,
        ]],
        str_ends_with($phone, '1') => ['success', ['outcome' => 'done']],
        default => ['error', ['outcome' => 'done']],
    };
}

[, $database, $campaign] = $argv;
$engine = new Engine($database, ['timezone' => date_default_timezone_get()]);

while ($entries = $engine->dialNext($campaign, limit: 5, lease_seconds: LEASE_SECONDS)['entries']) {
    foreach ($entries as $entry) {
        [$status, $outcome] = call($entry['phone']);
        $engine->customerSet($campaign, $entry['customer'], ['status' => $status]);
        $engine->dialDone($campaign, $entry['id'], $outcome);
        echo "called {$entry['phone']}: $status\n";
    }
}
echo $engine->campaignGet($campaign)['dial_list'], " numbers are left on the list for later\n";
