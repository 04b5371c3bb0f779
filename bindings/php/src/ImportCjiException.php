<?php

declare(strict_types=1);

namespace ImportCji;

/**
 * The library answered that it failed. `getCode()` is the reply's code, 2, and `getMessage()` its message, which names
 * the parameter, field or file, and holds no login.
 *
 * What failed has changed nothing, but for an import of a file, which keeps its finished chunks.
 */
final class ImportCjiException extends \RuntimeException
{
}
