# Sourced by the scripts `test` of bindings/php and examples/web: reads their options, installs what is missing, makes
# the package, installs it with Composer, and runs PHPUnit. All that is made is in $made, which goes at the end.
set -uo pipefail
export COMPOSER_ALLOW_SUPERUSER=1 DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
library=$root/target/release/libimport_cji.so
if [ "${1:-}" = --library ]; then library=$(realpath "$2"); fi

# Files that other users' servers read and write are below it.
made=$(mktemp -d)
chmod 755 "$made"
trap 'rm -rf "$made"' EXIT
export COMPOSER_HOME=$made/composer IMPORT_CJI_TESTS=$made

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# Pairs of a file or program, and Debian's package that brings it.
install_missing() {
    local wanted=() pair
    for pair in "$@"; do
        compgen -G "${pair%%:*}" >/dev/null || command -v "${pair%%:*}" >/dev/null || wanted+=("${pair##*:}")
    done
    [ ${#wanted[@]} = 0 ] && return
    echo "== installing ${wanted[*]}"
    command -v apt-get >/dev/null && as_root apt-get update -qq &&
        as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" >"$made/apt.log" 2>&1 && return
    tail -n 20 "$made/apt.log"
    echo "could not install ${wanted[*]}"
}

# Without these there is nothing to run.
give_up() {
    echo "SKIPPED: $1"
    if [ -n "${CI:-}" ]; then
        echo "0 passed, 1 failed"
        exit 1
    fi
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

# The package where the examples look for it, and a program beside them that has it, as Composer installs it.
make_package() {
    local name
    "$root/bindings/php/build" --library "$library" --out "$made/target/php/package" >"$made/build.log" 2>&1 || return 1
    mkdir -p "$made/app" "$made/folders" "$made/examples"
    echo '{"repositories": [{"packagist.org": false}, {"type": "path", "url": "../target/php/package"}]}' \
        >"$made/app/composer.json"
    # Copied, not linked, so that what the package lacks is missed.
    COMPOSER_MIRROR_PATH_REPOS=1 composer --quiet --no-interaction --working-dir="$made/app" \
        require import-cji/import-cji || return 1
    for name in "$@"; do
        cp -R "$root/examples/$name" "$made/examples/$name"
        composer --quiet --no-interaction --working-dir="$made/examples/$name" install || return 1
    done
}

# Runs PHPUnit, and says at last how many tests passed.
run_phpunit() {
    phpunit --configuration "$root/bindings/php/tests/phpunit.xml" --verbose --log-junit "$made/junit.xml" "$@"
    php -r '
        $suite = @simplexml_load_file($argv[1])->testsuite ?: ["tests" => 1, "failures" => 1];
        [$failed, $skipped] = [$suite["failures"] + (int) $suite["errors"], (int) $suite["skipped"]];
        foreach ($suite instanceof SimpleXMLElement ? $suite->xpath("//skipped/parent::*") : [] as $test) {
            echo "SKIPPED: {$test["class"]}::{$test["name"]}\n";
        }
        if (getenv("CI")) {
            [$failed, $skipped] = [$failed + $skipped, 0];
        }
        $passed = $suite["tests"] - $failed - $skipped;
        echo "$passed passed, $failed failed", $skipped ? ", $skipped skipped" : "", "\n";
        exit($failed ? 1 : 0);
    ' "$made/junit.xml"
}
