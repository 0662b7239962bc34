# SPDX-License-Identifier: MIT
# A cache as huggingface_hub lays it out, made of fixtures. Sourced after support.sh; from here on nothing
# of the user's own is seen, and no request is made.
export HF_HOME="$work/hf" HF_HUB_OFFLINE=1
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH HF_ENDPOINT \
    TRANSFORMERS_OFFLINE HF_HUB_DISABLE_IMPLICIT_TOKEN HF_HUB_DISABLE_PROGRESS_BARS HF_HUB_DISABLE_SYMLINKS
cache=$HF_HOME/hub
commit=0123456789abcdef0123456789abcdef01234567
other=fedcba9876543210fedcba9876543210fedcba98

sum_of() { # sum_of 1|256 FILE: what the Hub calls a blob
    if [ "$1" = 256 ]; then
        if command -v sha256sum >/dev/null; then sha256sum <"$2"; else shasum -a 256 <"$2"; fi
    else
        { printf 'blob %d\000' "$(wc -c <"$2")" && cat "$2"; } |
            if command -v sha1sum >/dev/null; then sha1sum; else shasum; fi
    fi | cut -d ' ' -f 1
}

# cache_file REPO COMMIT PATH SOURCE
cache_file() {
    storage=$cache/models--$(echo "$1" | sed 's,/,--,')
    kind=1
    case $3 in *.safetensors | *.bin) kind=256 ;; esac
    blob=$(sum_of $kind "$4")
    up=../../blobs
    case $3 in */*) up=../../../blobs ;; esac
    mkdir -p "$storage/blobs" "$storage/snapshots/$2/$(dirname "$3")" "$storage/refs"
    cp "$4" "$storage/blobs/$blob"
    chmod u+w "$storage/blobs/$blob"
    ln -sf "$up/$blob" "$storage/snapshots/$2/$3"
}

# cache_model REPO COMMIT REVISION DIRECTORY: all its files, and what is known not to be there.
cache_model() {
    (cd "$4" && find . -type f ! -name 'reference*' ! -name cases.json ! -name vectors.safetensors | sed 's,^\./,,') \
        >"$work/names"
    while read -r name; do
        cache_file "$1" "$2" "$name" "$4/$name"
    done <"$work/names"
    printf '%s' "$2" >"$storage/refs/$3"
    if [ ! -e "$4/modules.json" ]; then
        mkdir -p "$storage/.no_exist/$2"
        : >"$storage/.no_exist/$2/modules.json"
    fi
}
