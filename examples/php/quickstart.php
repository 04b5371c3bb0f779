<?php

/** A CSV file on a web server becomes customers and a dial list: php quickstart.php URL [DATABASE] */

declare(strict_types=1);

use ImportCji\Engine;

require __DIR__ . '/vendor/autoload.php';

$engine = new Engine($argv[2] ?? ':memory:');
$engine->teamAdd('myteam', 'My team');
$engine->userSet('myteam', 'agent', '1001', pwdtype: 'plaintext', password: 'secret');
$campaign = $engine->campaignAdd('myteam', ['name' => 'Spring renewals']);

$job = $engine->importCji(
    orgidentity: 'myteam',
    usertype: 'agent',
    user: '1001',
    pwdtype: 'plaintext',
    password: 'secret',
    modeltype: 'Campaign',
    model_id: $campaign,
    source: 'http',
    context: $argv[1],
    delrow: 1,             // the first line is the title row
    phone_field: 'phone1', // put them on the dial list under this number
    dupway: 'update',      // a duplicate's fields become the newer row's
)->message;

['read' => $read, 'inserted' => $inserted, 'rejected' => $rejected] = $engine->jobGet($job);
echo "campaign $campaign, job $job: $read rows, $inserted new customers, $rejected rejected\n";
foreach ($engine->customerList($campaign, ['limit' => 5])['customers'] as $customer) {
    echo $customer['id'], ' ', $customer['fields']['name'], ' ', $customer['fields']['phone1'], "\n";
}
