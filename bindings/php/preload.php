<?php

/**
 * For PHP-FPM: `opcache.preload` of php.ini names this file, or a preload file of your own requires it.
 *
 * `ffi.enable` may then stay at its default, "preload": of all code that answers requests, these classes alone may call
 * C. The library itself is opened by each worker, at its first request.
 */

declare(strict_types=1);

foreach (glob(__DIR__ . '/src/*.php') as $file) {
    opcache_compile_file($file);
}
