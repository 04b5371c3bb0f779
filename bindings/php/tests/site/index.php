<?php

/** The site that FpmTest asks. Each request opens an engine of its own, as those of a real site do. */

declare(strict_types=1);

use ImportCji\Engine;

require $_SERVER['AUTOLOAD'];

$started = hrtime(true);
$login = ['myteam', 'agent', '1001', 'plaintext', 'secret', 'Campaign', 1];

switch ($_SERVER['DOCUMENT_URI']) {
    case '/setup':
        $engine = new Engine($_SERVER['DATABASE']);
        $engine->teamAdd('myteam', 'My team');
        $engine->userSet('myteam', 'agent', '1001', 'plaintext', 'secret');
        echo $engine->campaignAdd('myteam', ['name' => 'Spring renewals']);
        break;
    case '/login':
        // The login is checked before the campaign, so nothing is written.
        $login[6] = 99;
        $reply = (new Engine($_SERVER['DATABASE']))->importWs(...$login, source: 'data', context: 'phone1=1');
        echo json_encode(['ms' => (hrtime(true) - $started) / 1e6, 'reply' => $reply]);
        break;
    case '/import':
        $engine = new Engine($_SERVER['DATABASE']);
        $phone = getmypid() . hrtime(true);
        $result = $engine->importCji(...$login, source: 'data', context: "phone1=$phone", phone_field: 'phone1');
        echo $result->message;
        break;
    case '/customers':
        echo (new Engine($_SERVER['DATABASE']))->campaignGet(1)['customers'];
        break;
    case '/fatal':
        $engine = new Engine($_SERVER['DATABASE']);
        ini_set('memory_limit', '4M');
        str_repeat('x', 10_000_000);
        break;
    case '/exit':
        $engine = new Engine($_SERVER['DATABASE']);
        $engine->callbackSet('done', function (): void {
            http_response_code(202);
            exit('left');
        });
        $engine->importCji(...$login, source: 'data', context: 'phone1=1', callbackFuc: 'done');
        break;
    case '/ffi':
        try {
            FFI::cdef('int getpid(void);')->getpid();
        } catch (FFI\Exception $refused) {
            echo $refused->getMessage();
        }
        break;
    default:
        try {
            echo Engine::version();
        } catch (RuntimeException $refused) {
            echo $refused->getMessage();
        }
}
