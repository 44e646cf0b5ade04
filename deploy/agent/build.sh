#!/bin/sh
# Compiles the agent ahead of time for every processor, with the launcher beside the builds.
# usage: build.sh FOLDER [x86-64-v2|x86-64-v3|arm64 ...]
# Needs clang and zlib1g-dev; for arm64 also lld, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross.
set -eu
[ $# -ge 1 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
target=$1
shift
project=$(dirname "$(readlink -f "$0")")/../../src/EdgeAgent.Device
mkdir -p "$target"
target=$(readlink -f "$target")
for build in "${@:-all}"; do
    [ "$build" = all ] && { "$0" "$target" x86-64-v2 x86-64-v3 arm64; exit; }
    case $build in
        x86-64-v2 | x86-64-v3) set -- -r linux-x64 "-p:IlcInstructionSet=$build" ;;
        arm64) set -- -r linux-arm64 -p:CppCompilerAndLinker=clang -p:LinkerFlavor=lld -p:ObjCopyName=aarch64-linux-gnu-objcopy ;;
        *) echo "build.sh: there is no build $build; there are x86-64-v2, x86-64-v3 and arm64" >&2; exit 2 ;;
    esac
    # Every build compiles into a folder of its own: they differ in options that the compiler's outputs are not named by.
    work=$target/.build/$build
    dotnet publish "$project" -c Release -p:PublishAot=true "$@" --artifacts-path "$work" -o "$work/publish" --nologo -v minimal
    mkdir -p "$target/$build"
    cp "$work/publish/edge-agent" "$work/publish/"*.so "$target/$build/"
done
cp "$(dirname "$(readlink -f "$0")")/edge-agent" "$target/edge-agent"
