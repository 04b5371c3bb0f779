<?php

/**
 * Runs the jobs of index.php as they become due, as a service of the system.
 *
 *     DATABASE=/var/lib/import/calls.db php jobs.php
 */

declare(strict_types=1);

use ImportCji\Engine;
use ImportCji\ImportCjiException;

require __DIR__ . '/vendor/autoload.php';

for ($engine = new Engine((string) getenv('DATABASE')); true; sleep(1)) {
    try {
        $engine->jobsRunDue();
    } catch (ImportCjiException $trouble) {
        error_log($trouble->getMessage()); // such as a full disk: the job goes on when that has passed
    }
}
