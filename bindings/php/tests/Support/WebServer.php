<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

/** A real nginx with a real PHP-FPM behind it, on a free port of 127.0.0.1, until stop(). */
final class WebServer
{
    public readonly string $url;

    /** Where its configuration, sockets and logs are. */
    private readonly string $folder;

    private Child $fpm;
    private Child $nginx;

    /**
     * @param string               $script   the one PHP script that answers every path
     * @param string               $preload  the value of opcache.preload; '' for none
     * @param int                  $workers  how many processes answer requests
     * @param array<string,string> $ini      further settings of php.ini
     * @param array<string,string> $params   further FastCGI parameters
     * @param string               $static   folder whose files are served under /static/
     * @param ?string              $location nginx's configuration instead of that of $script and $params; in it SOCKET
     *                                       stands for PHP-FPM's
     */
    public function __construct(
        string $script,
        string $preload = '',
        int $workers = 1,
        array $ini = [],
        array $params = [],
        string $static = '/nonexistent',
        ?string $location = null,
    ) {
        $this->folder = Paths::folder();
        $port = self::freePort();
        $this->url = "http://127.0.0.1:$port";
        $root = posix_geteuid() === 0;

        $ini += ['opcache.enable' => '1', 'opcache.preload' => $preload];
        $ini += ['display_errors' => '0', 'log_errors' => '1', 'error_log' => "$this->folder/php.log"];
        $ini += $root ? ['opcache.preload_user' => 'www-data'] : [];
        $lines = array_map(static fn ($key, $value) => "$key = \"$value\"\n", array_keys($ini), $ini);
        file_put_contents("$this->folder/php.ini", $lines);

        $user = $root ? "user = www-data\ngroup = www-data" : '';
        file_put_contents("$this->folder/fpm.conf", <<<CONF
            [global]
            error_log = $this->folder/fpm.log
            [www]
            $user
            listen = $this->folder/fpm.sock
            listen.mode = 0666
            pm = static
            pm.max_children = $workers
            catch_workers_output = yes
            CONF);

        $user = $root ? 'user www-data;' : '';
        if ($location === null) {
            $location = "location / {\ninclude fastcgi_params;\nfastcgi_pass unix:SOCKET;\n";
            foreach ($params + ['SCRIPT_FILENAME' => $script] as $name => $value) {
                $location .= "fastcgi_param $name \"$value\";\n";
            }
            $location .= "}\n";
        }
        $location = strtr($location, [
            'SOCKET' => "$this->folder/fpm.sock",
            ' fastcgi_params' => ' /etc/nginx/fastcgi_params',
        ]);
        file_put_contents("$this->folder/nginx.conf", <<<CONF
            $user
            daemon off;
            worker_processes 1;
            pid $this->folder/nginx.pid;
            error_log $this->folder/nginx.log;
            events {}
            http {
                access_log off;
                client_body_temp_path $this->folder/body;
                fastcgi_temp_path $this->folder/fastcgi;
                proxy_temp_path $this->folder/proxy;
                scgi_temp_path $this->folder/scgi;
                uwsgi_temp_path $this->folder/uwsgi;
                types { text/html html; application/javascript js; }
                server {
                    listen 127.0.0.1:$port;
                    location /static/ { alias $static/; }
                    $location
                }
            }
            CONF);

        $fpm = sprintf('/usr/sbin/php-fpm%d.%d', PHP_MAJOR_VERSION, PHP_MINOR_VERSION);
        $this->fpm = new Child([$fpm, '-F', '-y', "$this->folder/fpm.conf", '-c', "$this->folder/php.ini"]);
        self::waitFor(fn () => file_exists("$this->folder/fpm.sock"), 'php-fpm', $this->log(...));
        $this->nginx = new Child(['/usr/sbin/nginx', '-c', "$this->folder/nginx.conf", '-p', $this->folder]);
        self::waitFor(static fn () => @fsockopen('127.0.0.1', $port) !== false, 'nginx', $this->log(...));
    }

    /**
     * @param array<string, string> $options of PHP's HTTP client
     *
     * @return array{int, string, list<string>} the status, the body and the header of the answer
     */
    public function get(string $path, array $options = []): array
    {
        $options += ['ignore_errors' => true, 'timeout' => 60];
        $body = file_get_contents($this->url . $path, context: stream_context_create(['http' => $options]));
        return [(int) explode(' ', $http_response_header[0])[1], $body, $http_response_header];
    }

    /** What the servers and PHP have logged. */
    public function log(): string
    {
        return implode('', array_map('file_get_contents', glob("$this->folder/*.log")));
    }

    /** @return list<int> the processes that answer requests */
    public function workers(): array
    {
        $master = $this->fpm->pid();
        return array_map('intval', explode(' ', trim(file_get_contents("/proc/$master/task/$master/children"))));
    }

    public function stop(): void
    {
        $this->nginx->stop();
        $this->fpm->stop();
    }

    public static function freePort(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    }

    private static function waitFor(callable $condition, string $what, callable $log): void
    {
        for ($end = microtime(true) + 20; !$condition(); usleep(20_000)) {
            if (microtime(true) > $end) {
                throw new \RuntimeException("$what does not start:\n" . $log());
            }
        }
    }
}
