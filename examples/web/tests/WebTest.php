<?php

declare(strict_types=1);

namespace ImportCji\Tests\Web;

use ImportCji\Tests\Support\Child;
use ImportCji\Tests\Support\FileServer;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use ImportCji\Tests\Support\WebServer;
use PHPUnit\Framework\TestCase;

/** The vendor's clients against index.php: jQuery in Chromium, SOAP, plain HTTP. */
final class WebTest extends TestCase
{
    private const RECORD = [
        'orgidentity' => 'myteam',
        'usertype' => 'agent',
        'user' => '1001',
        'pwdtype' => 'plaintext',
        'password' => 'secret',
        'modeltype' => 'Campaign',
        'model_id' => '1',
        'source' => 'data',
        'context' => 'name=Joe||phone1=138xxxx88x8',
        'source_user' => '',
        'source_pwd' => '',
        'exetime' => '',
        'delrow' => '',
        'phone_field' => 'phone1',
        'priority_field' => '',
        'dialtime_field' => '',
        'emptyagent' => 'no',
        'resetstatus' => 'no',
        'dupway' => 'update',
        'dupdiallist' => 'ignoreDuplicate',
        'changepackage' => 'skip',
    ];

    private WebServer $server;

    private string $database;

    protected function setUp(): void
    {
        $folder = Paths::folder();
        $this->database = "$folder/calls.db";
        $this->inAnotherProcess(<<<'PHP'
            $engine->teamAdd('myteam', 'My team');
            $engine->userSet('myteam', 'agent', '1001', 'plaintext', 'secret');
            $engine->campaignAdd('myteam', ['name' => 'Spring renewals']);
            PHP);
        // The server's processes run as another user.
        chmod($this->database, 0666);

        $static = Paths::folder();
        copy('/usr/share/javascript/jquery/jquery.js', "$static/jquery.js");
        copy(__DIR__ . '/page.html', "$static/page.html");
        $this->server = $this->serve($this->database, $static);
    }

    protected function tearDown(): void
    {
        $this->server->stop();
    }

    /** With the example's own configuration of nginx. */
    private function serve(string $database, string $static = '/nonexistent'): WebServer
    {
        $script = Paths::made('examples/web/index.php');
        return new WebServer(
            script: $script,
            preload: Paths::made('examples/web/vendor/import-cji/import-cji/preload.php'),
            workers: 2,
            static: $static,
            location: strtr(file_get_contents(Paths::project('examples/web/nginx.conf')), [
                '/srv/import/index.php' => $script,
                '/var/lib/import/calls.db' => $database,
                '/run/php/php-fpm.sock' => 'SOCKET',
            ]),
        );
    }

    private function inAnotherProcess(string $code): string
    {
        return Program::php('$engine = new Engine(' . var_export($this->database, true) . ");\n$code")->succeeded();
    }

    /** @return list<array> the fields of the customers */
    private function customers(): array
    {
        $code = 'echo json_encode(array_column($engine->customerList(1)["customers"], "fields"));';
        return json_decode($this->inAnotherProcess($code), associative: true);
    }

    private function post(string $path, string $body, string $type = 'application/x-www-form-urlencoded'): array
    {
        return $this->server->get($path, ['method' => 'POST', 'content' => $body, 'header' => "Content-Type: $type"]);
    }

    private static function added(int $customer): string
    {
        return "|Retuen|1|Retuen|customer $customer added; on the dial list";
    }

    private function soap(?string $wsdl, array $options = []): \SoapClient
    {
        return new \SoapClient($wsdl, $options + [
            'location' => $this->server->url . '/importWS',
            'cache_wsdl' => WSDL_CACHE_NONE,
            'user_agent' => 'PHP',
        ]);
    }

    public function test_jquery_in_a_browser_sees_code_and_message(): void
    {
        for ($try = 1; !isset($answers) && $try <= 3; $try++) {
            if ($try > 1) {
                $this->tearDown();
                $this->setUp();
            }
            // From another origin, as the vendor's pages ask.
            $page = strtr($this->server->url, ['127.0.0.1' => 'localhost']) . "/static/page.html#{$this->server->url}";
            $dom = (new Program([
                'timeout', '60', 'chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
                '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
                '--user-data-dir=' . Paths::folder(), '--virtual-time-budget=20000', '--dump-dom', $page,
            ]))->out;
            if (preg_match('~<pre id="answers" data-done="yes">(.*)</pre>~', $dom, $match)) {
                $answers = json_decode(html_entity_decode($match[1]), associative: true);
            }
        }
        self::assertCount(4, $answers ?? [], $dom . $this->server->log());
        [$joe, $zoe, $field, $login] = $answers;
        self::assertSame(['code' => 1, 'message' => 'customer 1 added; on the dial list'], $joe);
        self::assertSame(['code' => 1, 'message' => 'customer 2 added; on the dial list'], $zoe);
        self::assertSame(2, $field['code']);
        self::assertStringContainsString('姓名', $field['message']);
        self::assertSame(['code', 'message'], array_keys($login));
        self::assertSame(2, $login['code']);
        self::assertSame(['Joe', 'Zoë 😀 & <b>"张伟"</b>'], array_column($this->customers(), 'name'));
    }

    public function test_a_script_is_sent_as_nothing_but_a_script(): void
    {
        $path = '/setevent/importCJI?callback=f&' . http_build_query(['context' => '</script>=1'] + self::RECORD);
        [$status, $body, $header] = $this->server->get($path);
        self::assertSame(200, $status);
        self::assertContains('Content-Type: application/javascript; charset=utf-8', $header);
        self::assertContains('X-Content-Type-Options: nosniff', $header);
        self::assertMatchesRegularExpression('/^f\({"code":2,"message":"[^<>&]+"}\)$/', $body);
    }

    public function test_a_callback_that_is_no_name_is_not_called(): void
    {
        foreach (['alert(1)//', '<script>', "f\n", 'f&callback=g', ''] as $callback) {
            [, $body, $header] = $this->server->get('/setevent/importCJI?callback=' . rawurlencode($callback));
            self::assertSame(2, json_decode($body)?->code, $body);
            // It may quote the name, but no browser takes this for a page.
            self::assertContains('Content-Type: application/javascript; charset=utf-8', $header);
            self::assertContains('X-Content-Type-Options: nosniff', $header);
        }
    }

    public function test_plain_http_is_answered_by_get_and_by_post(): void
    {
        $query = 'EVENT=Import&' . http_build_query(self::RECORD);
        [$status, $body, $header] = $this->server->get("/asterccinterfaces?$query");
        self::assertSame([200, self::added(1)], [$status, $body]);
        self::assertContains('Content-Type: text/plain; charset=utf-8', $header);
        self::assertContains('X-Content-Type-Options: nosniff', $header);

        $query = http_build_query(['EVENT' => 'Import', 'context' => 'name=Zoë 😀||phone1=2'] + self::RECORD);
        self::assertSame(self::added(2), $this->post('/asterccinterfaces', $query)[1]);
        $query = http_build_query(['context' => 'phone1=3'] + self::RECORD);
        self::assertSame(self::added(3), $this->post('/asterccinterfaces?EVENT=Import', $query)[1]);

        self::assertStringStartsWith('|Retuen|2|Retuen|', $this->server->get('/asterccinterfaces?EVENT=QUEUE')[1]);
        self::assertSame(['Joe', 'Zoë 😀', ''], array_column($this->customers(), 'name'));
    }

    public function test_soap_is_answered_to_clients_with_and_without_the_wsdl(): void
    {
        $soap = $this->soap($this->server->url . '/importWS?wsdl');
        self::assertSame(self::added(1), $soap->importWS(...array_values(self::RECORD)));

        $soap = $this->soap(null, ['uri' => 'urn:importWS']);
        $record = ['context' => 'name=Zoë 😀 & <b>张伟</b>||phone1=2', 'model_id' => 1, 'delrow' => null];
        self::assertSame(self::added(2), $soap->importWS(...array_values(array_replace(self::RECORD, $record))));

        $wrong = array_values(array_replace(self::RECORD, ['password' => 'wrong']));
        self::assertStringStartsWith('|Retuen|2|Retuen|', $soap->importWS(...$wrong));
        self::assertSame(['Joe', 'Zoë 😀 & <b>张伟</b>'], array_column($this->customers(), 'name'));
    }

    public function test_the_wsdl_names_the_21_parameters_in_their_order(): void
    {
        $soap = $this->soap($this->server->url . '/importWS?wsdl');
        $parameters = implode(', ', array_map(static fn ($name) => "string \$$name", array_keys(self::RECORD)));
        self::assertSame(["string importWS($parameters)"], $soap->__getFunctions());
    }

    public function test_soap_reaches_one_function_alone(): void
    {
        $soap = $this->soap(null, ['uri' => 'urn:importWS']);
        foreach (['query', 'teamAdd', 'phpinfo', 'exit', '__construct'] as $function) {
            try {
                $soap->__soapCall($function, ['SELECT 1']);
                self::fail($function);
            } catch (\SoapFault $fault) {
                self::assertStringContainsString('not', $fault->getMessage());
            }
        }
    }

    public function test_soap_takes_no_doctype_and_no_values_that_are_no_texts(): void
    {
        $envelope = static fn (string $inside, string $before = '') => <<<XML
            <?xml version="1.0"?>$before<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
            <m:importWS xmlns:m="urn:importWS">$inside</m:importWS></s:Body></s:Envelope>
            XML;
        $entity = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>';
        $answer = $this->post('/importWS', $envelope('<orgidentity>&f;</orgidentity>', $entity), 'text/xml');
        self::assertSame(500, $answer[0]);
        self::assertStringContainsString('Fault', $answer[1]);
        $answer = $this->post('/importWS', $envelope('<orgidentity><a><b>1</b></a></orgidentity>'), 'text/xml');
        self::assertStringNotContainsString('|Retuen|1|', $answer[1]);
        self::assertStringNotContainsString('/examples/', $answer[1], 'no path of the server');
    }

    public function test_a_file_is_queued_and_jobs_php_imports_it(): void
    {
        $folder = Paths::folder();
        file_put_contents("$folder/leads.csv", "name,phone1\nJoe,1\nAnn,2\n");
        $files = FileServer::ofFolder($folder);
        $file = ['source' => 'http', 'context' => "$files->url/leads.csv", 'delrow' => '1'] + self::RECORD;
        $answer = $this->server->get('/setevent/importCJI?callback=f&' . http_build_query($file))[1];
        self::assertSame('f({"code":1,"message":"1"})', $answer);
        self::assertSame([], $this->customers());

        $environment = ['env', "DATABASE=$this->database"];
        $jobs = new Child([...$environment, PHP_BINARY, Paths::made('examples/web/jobs.php')]);
        for ($end = microtime(true) + 20; count($this->customers()) < 2 && microtime(true) < $end;) {
            usleep(100_000);
        }
        $jobs->stop();
        $files->stop();
        self::assertSame(['Joe', 'Ann'], array_column($this->customers(), 'name'));
    }

    public function test_bodies_are_limited_and_other_paths_unknown(): void
    {
        self::assertSame(413, $this->post('/asterccinterfaces', str_repeat('x', 65_537))[0]);
        self::assertSame(404, $this->server->get('/')[0]);
        self::assertSame(404, $this->server->get('/setevent/importCJI/')[0]);
    }

    public function test_a_nul_in_a_body_is_refused(): void
    {
        self::assertSame([400, ''], array_slice($this->post('/asterccinterfaces', "EVENT=Import\0&x=1"), 0, 2));
    }

    public function test_no_log_has_a_login(): void
    {
        $this->server->get('/asterccinterfaces?EVENT=Import&password=hush-hush');
        $this->post('/asterccinterfaces?password=hush-hush', str_repeat('x', 2_000_000));
        self::assertStringNotContainsString('hush-hush', $this->server->log());
    }

    public function test_a_store_that_can_not_be_opened_is_told_to_the_log_alone(): void
    {
        $server = $this->serve('/nonexistent/calls.db');
        try {
            self::assertSame([503, ''], array_slice($server->get('/asterccinterfaces?EVENT=Import'), 0, 2));
            self::assertStringContainsString('/nonexistent/calls.db', $server->log());
        } finally {
            $server->stop();
        }
    }
}
