<?php

declare(strict_types=1);

namespace ImportCji;

/** What an import answered: the vendor's `{code:code,message:message}`. */
final class ImportResult
{
    /**
     * @param int    $code    1: done. A callback also gets 2: failed; importCji() then throws.
     * @param string $message of a file that is imported: the job's id in decimal; of a record: what was done, such as
     *                        "customer 5 added; on the dial list"; of a failure: why.
     */
    public function __construct(
        public readonly int $code,
        public readonly string $message,
    ) {
    }
}
