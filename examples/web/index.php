<?php

/** Answers the vendor's three interfaces for imports: JSONP, HTTP and SOAP. README.md tells how to set it up. */

declare(strict_types=1);

use ImportCji\Engine;

require __DIR__ . '/vendor/autoload.php';

const MAX_BODY_BYTES = 65_536;

/** All that SOAP may call. */
function importWS(mixed ...$parameters): string
{
    return $GLOBALS['engine']->importWs(...array_map(strval(...), $parameters));
}

header('X-Content-Type-Options: nosniff');
header('Cache-Control: no-store');
if ((int) ($_SERVER['CONTENT_LENGTH'] ?? 0) > MAX_BODY_BYTES) {
    http_response_code(413);
    exit;
}
try {
    // Files are imported by jobs.php, so that no request waits for them.
    $engine = new Engine((string) getenv('DATABASE'), ['background' => true]);
} catch (RuntimeException $exception) {
    error_log($exception->getMessage());
    http_response_code(503);
    exit;
}
// jQuery sends the parameters of a GET in the URL, those of a POST in the body.
$query = ($_SERVER['QUERY_STRING'] ?? '') . '&' . file_get_contents('php://input');
if (str_contains($query, "\0")) {
    http_response_code(400);
    exit;
}

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/setevent/importCJI':
        header('Content-Type: application/javascript; charset=utf-8');
        echo $engine->importJsonp($query);
        break;
    case '/asterccinterfaces':
        header('Content-Type: text/plain; charset=utf-8');
        echo $engine->importEvent($query);
        break;
    case '/importWS':
        $server = new SoapServer(__DIR__ . '/importWS.wsdl', ['cache_wsdl' => WSDL_CACHE_MEMORY]);
        $server->addFunction('importWS');
        $server->handle();
        break;
    default:
        http_response_code(404);
}
