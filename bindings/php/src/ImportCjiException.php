<?php

declare(strict_types=1);

namespace ImportCji;

/**
 * The library answered that it failed. `getCode()` is the reply's code, 2, and `getMessage()` its message, which names
 * the parameter, field or file, and holds no login.
 *
 * What failed has changed nothing, but for these: an import of a file keeps its finished chunks; jobsRunDue() has run
 * the other jobs; a wrong password is counted; and a file that jobRejects() could not bring to the disk may be there.
 */
final class ImportCjiException extends \RuntimeException
{
}
