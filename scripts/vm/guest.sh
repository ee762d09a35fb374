#!/usr/bin/env bash
# What all virtual machines of the tests have in common: how their files are put together and how they are booted. Nothing needs
# KVM. To be sourced, not executed, from the project's folder.
# shellcheck source=scripts/debian.sh
source scripts/debian.sh

# Why there can be no guests on this machine; nothing when there can. Installs what is missing.
why_no_guests() {
    if [[ $(uname -m) != x86_64 ]] || ! command -v apt-get >/dev/null; then
        echo 'the kernels of Debian for x86_64 are run, and this is neither'
        return
    fi
    local missing=() package as_root=()
    for package in qemu-system-x86 busybox-static cpio kmod; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || as_root=(sudo -n --)
    if ! {
        "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
                install -y --no-install-recommends "${missing[@]}"
    } >&2 </dev/null; then
        echo "the emulator could not be installed (${missing[*]})"
    fi
}

# An empty system, in which whatever put brings has its place.
begin_root() { # ROOT
    local root=$1 link
    rm -rf "$root"
    mkdir -p "$root"/{dev,proc,sys,run,tmp,root,modules,etc,usr/{bin,sbin,lib,lib64},var/{lib,log,tmp}}
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
}

# Each at its own place (what is in the root already stays), with its libraries, which come from the root before this machine.
put() { # ROOT PROGRAM…
    local root=$1 program file place libraries
    shift
    for program in "$@"; do
        libraries=$(LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu ldd "$program" 2>/dev/null || true)
        if [[ $libraries == *'not found'* ]]; then
            printf '%s lacks a library:\n%s\n' "$program" "$libraries" >&2
            return 1
        fi
        for file in "$program" $(grep -o '/[^ ]*' <<<"$libraries"); do
            file=$(realpath -s "$file")
            [[ $file != "$root"/* ]] || continue
            place=$file
            [[ $place != /lib* ]] || place=/usr$place
            [[ ! -e $root$place ]] || continue
            install -D "$file" "$root$place"
            strip --strip-unneeded "$root$place" 2>/dev/null || true # scripts have nothing to strip
        done
    done
}

# This release's packages, without those that they depend on: the libraries of their programs come from this machine.
put_packages() { # ROOT FOLDER PACKAGE…
    local root=$1 folder=$2 package file
    shift 2
    (($#)) || return 0
    mkdir -p "$folder"
    (
        flock 9 # guests are started two at a time
        [[ ! -e $folder/complete || $(<"$folder/complete") != "$*" ]] || exit 0
        rm -rf "${folder:?}"/*
        apt_aside "$folder/apt" "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" || exit 1
        (cd "$folder" && apt-get "${apt_options[@]}" -qq download "$@" >&2) || exit 1
        rm -rf "$folder/apt"
        echo "$*" >"$folder/complete"
    ) 9>"$folder/.lock" || return 1
    for package in "$folder"/*.deb; do
        dpkg --fsys-tarfile "$package" |
            tar -x --keep-directory-symlink --no-same-owner --exclude='./usr/share/*' -C "$root"
    done
    while IFS= read -r file; do
        put "$root" "$file"
    done < <(find "$root"/usr/{bin,sbin,lib} -type f \( -perm -100 -o -name '*.so*' \))
}

# In the order in which init loads them, with those that they need.
put_modules() { # ROOT KERNEL MODULE…
    local root=$1 version=${2##*/vmlinuz-} folder=${2%/*} module file at=100
    shift 2
    for module in "$@"; do
        while read -r _ file _; do
            [[ -z $(find "$root/modules" -name "*-$(basename "${file%.ko*}").ko") ]] || continue
            at=$((at + 1))
            case $file in
            *.xz) xz -dc "$file" ;;
            *.zst) zstd -qdc "$file" ;;
            *) cat "$file" ;;
            esac >"$root/modules/$at-$(basename "${file%.ko*}").ko"
        done < <(/sbin/modprobe -d "$folder" -S "$version" --show-depends "$module" | grep '^insmod ')
    done
    ((at > 100 || $# == 0)) || {
        echo "no modules for $version: $*" >&2
        return 1
    }
}

# For whatever is not there yet.
put_busybox() { # ROOT
    local applet
    install /bin/busybox "$1/bin/busybox"
    for applet in $(/bin/busybox --list); do
        [[ -e $1/bin/$applet || -e $1/sbin/$applet ]] || ln -s busybox "$1/bin/$applet"
    done
}

# Not compressed: to inflate it takes an emulated processor longer than to copy it.
pack() { # ROOT IMAGE
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) >"$2"
}

# Prints the console. WORDS are more for the kernel's command line; RESULTS is a file for what the guest writes to its second
# serial line. One processor, because two hang some guests. It ends with the script that called it, at the latest.
boot() { # KERNEL IMAGE SECONDS MEMORY_MB [WORDS [RESULTS]]
    local processor=max second=()
    # 6.12 panics with cx16 now and then, in this emulation; 7.2 has no task storage without.
    [[ ${1##*/vmlinuz-} =~ ^[7-9] ]] || processor=max,-cx16
    [[ -z ${6-} ]] || second=(-serial "file:$6")
    setpriv --pdeathsig TERM timeout --foreground -k 5 "$3" qemu-system-x86_64 -accel tcg,thread=multi -cpu "$processor" -smp 1 -m "$4" -nodefaults \
        -display none -no-reboot -serial stdio "${second[@]}" -kernel "$1" -initrd "$2" \
        -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off tsc=reliable ${5-}" </dev/null 2>&1 |
        tr -d '\r' || true
}
