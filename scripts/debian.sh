#!/usr/bin/env bash
# Debian's packages from the mirror that this machine is configured for, without touching the machine's own package lists.
# To be sourced, not executed.

# Has apt keep its lists and its cache in FOLDER, and know nothing of what is installed here: the options for that are left
# in apt_options, the lists are fetched.
apt_aside() { # FOLDER SUITE [ARCHITECTURE]
    local folder mirror architecture=${3-}
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    folder=$(cd "$1" && pwd)

    # indextargets knows no origin before the first update.
    # shellcheck disable=SC2016 # the dollars are apt's
    mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
    if [[ -z $mirror ]]; then
        echo "no Debian mirror is configured, or its lists were never fetched (apt-get update)" >&2
        return 1
    fi

    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $2 main" >"$folder/sources.list"
    apt_options=(-o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists"
        -o "Dir::Cache=$folder/cache" -o Dir::State::status=/dev/null -o Acquire::Languages=none -o Acquire::Retries=2
        -o APT::Sandbox::User=root)
    if [[ -n $architecture ]]; then apt_options+=(-o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture"); fi
    apt-get "${apt_options[@]}" -qq update >&2
}
