<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

use ImportCji\Engine;

/** What a program sets up before its first import. */
final class Host
{
    /** The parameters of an import that are the same in all tests. */
    public const IMPORT = [
        'orgidentity' => 'myteam',
        'usertype' => 'agent',
        'user' => '1001',
        'pwdtype' => 'plaintext',
        'password' => 'secret',
        'modeltype' => 'Campaign',
        'model_id' => 1,
    ];

    public const RECORD = self::IMPORT + ['source' => 'data'];

    public const FILE = self::IMPORT + ['source' => 'http', 'delrow' => 1];

    /** An engine with a team, a user and campaign 1. */
    public static function engine(string $location = ':memory:', array $options = []): Engine
    {
        $engine = new Engine($location, $options + ['timezone' => 'UTC', 'retries' => 0]);
        $engine->teamAdd('myteam', 'My team');
        $engine->userSet('myteam', 'agent', '1001', 'plaintext', 'secret');
        $engine->campaignAdd('myteam', ['name' => 'Spring renewals']);
        return $engine;
    }
}
