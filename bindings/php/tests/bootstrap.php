<?php

/** Of the package as Composer installed it; see ../test. */

declare(strict_types=1);

namespace ImportCji\Tests;

require getenv('IMPORT_CJI_TESTS') . '/app/vendor/autoload.php';

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/' . strtr(substr($class, strlen(__NAMESPACE__) + 1), '\\', '/') . '.php';
    if (str_starts_with($class, __NAMESPACE__ . '\\') && is_file($file)) {
        require $file;
    }
});
