<?php

/**
 * Imports a file at night, and shows how it goes.
 *
 *     php nightly.php DATABASE CAMPAIGN URL [TIME]
 *
 * TIME is what strtotime() understands, by default "tomorrow 02:00". The job is in the database from the beginning: if
 * this program ends before it, any call of jobsRunDue() runs it later, and one that was broken off goes on.
 */

declare(strict_types=1);

use ImportCji\Engine;
use ImportCji\ImportCjiException;
use ImportCji\ImportResult;

require __DIR__ . '/vendor/autoload.php';

[, $database, $campaign, $url] = $argv;
$time = new DateTimeImmutable($argv[4] ?? 'tomorrow 02:00');
$engine = new Engine($database, ['timezone' => date_default_timezone_get(), 'background' => true]);

$engine->progressSet(function (array $job): void {
    $percent = $job['bytes_total'] ? round(100 * $job['bytes_read'] / $job['bytes_total']) : '?';
    echo "job {$job['id']}: $percent % fetched, {$job['read']} rows read, {$job['inserted']} new\n";
});
$result = null;
$engine->callbackSet('nightly', function (ImportResult $ended) use (&$result): void {
    $result = $ended;
});

$job = $engine->importCji(
    orgidentity: 'myteam',
    usertype: 'agent',
    user: '1001',
    pwdtype: 'plaintext',
    password: 'secret',
    modeltype: 'Campaign',
    model_id: $campaign,
    source: str_starts_with($url, 'ftp') ? 'ftp' : 'http',
    context: $url,
    exetime: $time->format('Y-m-d H:i:s'),
    delrow: 1,
    phone_field: 'phone1',
    dupway: 'update',
    callbackFuc: 'nightly',
)->message;
echo "job $job runs at {$engine->jobGet($job)['run_at']}\n";

while ($result === null) {
    try {
        $engine->jobsRunDue();
    } catch (ImportCjiException $trouble) {
        fwrite(STDERR, $trouble->getMessage() . "\n"); // such as a full disk: the job goes on when that has passed
    }
    sleep(1);
}
if ($result->code !== 1) {
    fwrite(STDERR, $result->message . "\n");
    exit(1);
}
if ($engine->jobGet($job)['rejected'] > 0) {
    $engine->jobRejects($job, "$database.rejects-$job.csv");
    echo "$database.rejects-$job.csv has the rows that can't be used: mend it, and import it as it is\n";
}
