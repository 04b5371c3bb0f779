<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

/** Where things are. All that tests make is in one folder, which the script that runs them removes. */
final class Paths
{
    /** What is in the project. */
    public static function project(string $path): string
    {
        return dirname(__DIR__, 4) . "/$path";
    }

    /** What was made before the tests: the package, installed. */
    public static function made(string $path): string
    {
        return getenv('IMPORT_CJI_TESTS') . "/$path";
    }

    /** What is in the installed package. */
    public static function package(string $path): string
    {
        return self::made("app/vendor/import-cji/import-cji/$path");
    }

    /** A new folder, in which servers that run as another user may write too. */
    public static function folder(): string
    {
        $folder = self::made('folders/' . bin2hex(random_bytes(8)));
        mkdir($folder, recursive: true);
        chmod($folder, 0777);
        return $folder;
    }
}
