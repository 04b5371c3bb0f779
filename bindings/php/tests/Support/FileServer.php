<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

/** A web server on a free port of 127.0.0.1, written in Python; it ends with its standard input. */
final class FileServer
{
    public readonly string $url;

    /** @var array<int, resource> */
    private array $pipes = [];

    /** @var resource */
    private $process;

    /** @param list<string> $command prints the server's URL as its first line */
    public function __construct(array $command)
    {
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w']], $this->pipes);
        $this->url = trim(fgets($this->pipes[1]));
    }

    /** The files of the table of cases. */
    public static function ofTheTable(): self
    {
        return new self(['python3', Paths::project('tests/cases/serve.py')]);
    }

    /** The files of a folder. */
    public static function ofFolder(string $folder): self
    {
        $script = <<<'PYTHON'
            import functools, http.server, sys, threading
            class Quiet(http.server.SimpleHTTPRequestHandler):
                def log_message(self, *_): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f"http://127.0.0.1:{server.server_port}", flush=True)
            sys.stdin.read()
            PYTHON;
        return new self(['python3', '-c', $script, $folder]);
    }

    public function stop(): void
    {
        fclose($this->pipes[0]);
        proc_close($this->process);
    }
}
