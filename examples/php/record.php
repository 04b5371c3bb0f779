<?php

/**
 * A web endpoint that takes one customer at a time, as JSON, with the agent's login as HTTP Basic:
 *
 *     curl -u 1001:secret -d '{"name": "Joe", "phone1": "138xxxx88x8"}' http://127.0.0.1:8080/?campaign=1
 *
 * The path of the store is DATABASE, a FastCGI parameter of the web server, outside what that serves. README.md of the
 * package tells how PHP-FPM is set up. To try it without:
 *
 *     DATABASE=calls.db php -d ffi.enable=1 -S 127.0.0.1:8080 record.php
 */

declare(strict_types=1);

use ImportCji\Engine;
use ImportCji\ImportCjiException;

require __DIR__ . '/vendor/autoload.php';

function answer(int $status, int $code, string $message): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('X-Content-Type-Options: nosniff');
    exit(json_encode(['code' => $code, 'message' => $message], JSON_UNESCAPED_UNICODE));
}

$record = json_decode(file_get_contents('php://input', length: 65_536), associative: true);
if ($_SERVER['REQUEST_METHOD'] !== 'POST' || !is_array($record)) {
    answer(400, 2, 'POST one JSON object with the fields of a customer');
}
$pieces = [];
foreach ($record as $field => $value) {
    if (!is_scalar($value) || str_contains("$field=$value", '||')) {
        answer(400, 2, "$field: must be a text without ||, or a number");
    }
    $pieces[] = "$field=$value";
}

try {
    $engine = new Engine((string) getenv('DATABASE'));
} catch (RuntimeException $exception) {
    error_log($exception->getMessage());
    answer(503, 2, "the store can't be opened");
}
try {
    $result = $engine->importCji(
        orgidentity: 'myteam',
        usertype: 'agent',
        user: $_SERVER['PHP_AUTH_USER'] ?? '',
        pwdtype: 'plaintext',
        password: $_SERVER['PHP_AUTH_PW'] ?? '',
        modeltype: 'Campaign',
        model_id: filter_input(INPUT_GET, 'campaign') ?: '',
        source: 'data',
        context: implode('||', $pieces),
        phone_field: 'phone1',
        dupway: 'update',
    );
    answer(200, $result->code, $result->message);
} catch (ImportCjiException | ValueError $failure) {
    answer(422, 2, $failure->getMessage());
}
