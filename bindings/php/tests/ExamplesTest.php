<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\Tests\Support\FileServer;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use ImportCji\Tests\Support\WebServer;
use PHPUnit\Framework\TestCase;

/** The programs of examples/php, as Composer set them up there. */
final class ExamplesTest extends TestCase
{
    private static FileServer $server;

    private string $database;

    public static function setUpBeforeClass(): void
    {
        self::$server = FileServer::ofFolder(Paths::project('examples/data'));
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
    }

    protected function setUp(): void
    {
        $this->database = Paths::folder() . '/calls.db';
    }

    private static function example(string $name, string ...$arguments): Program
    {
        return new Program([PHP_BINARY, Paths::made("examples/php/$name.php"), ...$arguments], folder: Paths::folder());
    }

    /** The bundled file of 3000 rows. */
    private static function url(): string
    {
        return self::$server->url . '/leads.csv';
    }

    public function test_the_quickstart(): void
    {
        $out = self::example('quickstart', self::url())->succeeded();
        self::assertMatchesRegularExpression('/^campaign 1, job 1: 3000 rows, \d+ new customers, 9 rejected\n/', $out);
        self::assertStringContainsString('Łukasz Kowalski +49496710336650', $out);
        self::assertCount(6, explode("\n", trim($out)));
    }

    public function test_the_quickstart_says_what_went_wrong(): void
    {
        $program = self::example('quickstart', self::$server->url . '/nothing.csv');
        self::assertSame(255, $program->status);
        self::assertStringContainsString('ImportCjiException', $program->out . $program->err);
    }

    public function test_the_nightly_import_and_the_dialer(): void
    {
        self::example('quickstart', self::url(), $this->database)->succeeded();
        $folder = Paths::folder();
        file_put_contents("$folder/more.csv", "name,phone1\nJoe,15550001\nAnn,15550002\nZoë,15550003\nNobody,none\n");
        $server = FileServer::ofFolder($folder);
        (new Engine($this->database))->campaignAdd('myteam', ['name' => 'Autumn']);

        $out = self::example('nightly', $this->database, '2', "$server->url/more.csv", 'now + 2 seconds')->succeeded();
        $server->stop();
        self::assertStringStartsWith('job 2 runs at ' . date('Y-m-d'), $out);
        self::assertStringContainsString("\njob 2: 100 % fetched, 4 rows read, 3 new\n", $out);
        $rejects = file_get_contents("$this->database.rejects-2.csv");
        self::assertStringStartsWith("name,phone1,reject_line,reject_reason\nNobody,none,5,", $rejects);

        $out = self::example('dialer', $this->database, '2')->succeeded();
        $calls = "called 15550001: success\ncalled 15550002: error\ncalled 15550003: pending\n";
        self::assertSame("{$calls}1 numbers are left on the list for later\n", $out);
    }

    public function test_the_nightly_import_tells_of_its_failure(): void
    {
        self::example('quickstart', self::url(), $this->database)->succeeded();
        $program = self::example('nightly', $this->database, '1', self::$server->url . '/nothing.csv', 'now');
        self::assertSame(1, $program->status);
        self::assertStringContainsString('404', $program->err);
    }

    public function test_the_web_endpoint_for_records(): void
    {
        self::example('quickstart', self::url(), $this->database)->succeeded();
        chmod($this->database, 0666);
        $server = new WebServer(
            script: Paths::made('examples/php/record.php'),
            preload: Paths::made('examples/php/vendor/import-cji/import-cji/preload.php'),
            params: ['DATABASE' => $this->database],
        );
        try {
            $post = static function (string $body, string $login = '1001:secret', string $path = '/?campaign=1')
            use ($server): array {
                $header = ['Content-Type: application/json', 'Authorization: Basic ' . base64_encode($login)];
                return $server->get($path, ['method' => 'POST', 'content' => $body, 'header' => $header]);
            };
            [$status, $body] = $post('{"name": "Zoë 😀", "phone1": "+1 555 0100"}');
            self::assertSame(200, $status, $body);
            self::assertMatchesRegularExpression('/^{"code":1,"message":"customer \d+ added; on the dial list"}/', $body);
            self::assertSame(422, $post('{"name": "Zoë"}')[0]);
            self::assertSame(422, $post('{"phone1": "1"}', '1001:wrong')[0]);
            self::assertSame(422, $post('{"phone1": "1\u0000"}')[0]);
            self::assertSame(422, $post('{"phone1": "1"}', path: '/?campaign[]=1')[0]);
            self::assertSame(400, $post('{"phone1": "1||memo=x"}')[0]);
            self::assertSame(400, $post('{"phone1": ["1"]}')[0]);
            self::assertSame(400, $post('phone1=1')[0]);
            self::assertSame(400, $server->get('/?campaign=1')[0]);
        } finally {
            $server->stop();
        }
    }
}
