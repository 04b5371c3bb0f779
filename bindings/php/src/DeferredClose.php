<?php

declare(strict_types=1);

namespace ImportCji;

/**
 * Closes a handle when its own destructor is called.
 *
 * @internal
 */
final class DeferredClose
{
    public function __construct(private readonly Handle $handle)
    {
    }

    public function __destruct()
    {
        $this->handle->close();
    }
}
