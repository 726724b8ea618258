#!/usr/bin/env bash
# Makes the certificates of the test cluster in DIR: one CA, three brokers, and every client the tests need, good and
# bad. EC P-256 keys in PKCS#8, because Kafka's PEM stores take nothing else. A second run changes nothing.
#
#   ca.pem                       what everybody trusts
#   brokerN.keystore.pem         key and certificate of broker N in one file, as Kafka wants it; CN=broker
#   wronghost.keystore.pem       a broker's, but for other.example: a client that checks names must refuse it
#   admin, posta, verifier       .pem and .key; CN of the same name
#   renewed                      another pair for CN=posta, for tests of certificate renewal
#   chained                      CN=posta, issued by an intermediate CA: leaf and intermediate in chained.pem
#   other                        same CA, CN=intruder: known, but allowed nothing
#   expired                      CN=posta, ended in 2021
#   stranger, stranger-ca.pem    CN=posta from a CA that no broker trusts
set -euo pipefail

DIR=${1:?usage: pki.sh DIR}
MARK=complete-1 # count up when the set of files changes, so that an old directory is made anew

log() { printf 'pki: %s\n' "$*" >&2; }

# extensions KIND -> the X.509v3 extensions of that kind of certificate
extensions() {
    case $1 in
    ca) printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' ;;
    # A broker is a client too, of the other brokers.
    broker) printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' ;;
    wrong) printf 'subjectAltName=DNS:other.example\nextendedKeyUsage=serverAuth,clientAuth\n' ;;
    client) printf 'extendedKeyUsage=clientAuth\n' ;;
    esac
    printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
}

make_key() { # NAME
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null
    chmod 0600 "$1.key"
}

make_request() { # NAME CN
    make_key "$1"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
}

make_root() { # NAME CN
    make_request "$1" "$2"
    openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 3650 -extfile <(extensions ca) -out "$1.pem" 2>/dev/null
}

# issue NAME CN KIND [CA]
issue() {
    local ca=${4:-ca}
    make_request "$1" "$2"
    openssl x509 -req -in "$1.csr" -CA "$ca.pem" -CAkey "$ca.key" -set_serial "0x$(openssl rand -hex 8)" \
        -days 3650 -extfile <(extensions "$3") -out "$1.pem" 2>/dev/null
}

# x509 cannot set dates in the past before OpenSSL 3.4; ca can, but wants its little database.
issue_expired() { # NAME CN
    make_request "$1" "$2"
    : >expired.index
    openssl ca -batch -notext -name t -in "$1.csr" -out "$1.pem" -cert ca.pem -keyfile ca.key \
        -startdate 20200101000000Z -enddate 20210101000000Z -extfile <(extensions client) -config <(
            printf '[t]\ndatabase=expired.index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n'
        ) 2>expired.log || { cat expired.log >&2; return 1; }
    rm -f expired.index* expired.log
}

make_brokers() {
    local n
    for n in 1 2 3; do
        issue "broker$n" broker broker
        cat "broker$n.key" "broker$n.pem" >"broker$n.keystore.pem"
    done
    issue wronghost broker wrong
    cat wronghost.key wronghost.pem >wronghost.keystore.pem
}

make_clients() {
    local name
    for name in admin posta verifier; do issue "$name" "$name" client; done
    issue renewed posta client
    issue other intruder client
    issue_expired expired posta
    make_root stranger-ca "posta test stranger CA"
    issue stranger posta client stranger-ca
}

make_chained() {
    issue intermediate "posta test intermediate CA" ca
    issue chained posta client intermediate
    cat intermediate.pem >>chained.pem
}

make_all() {
    make_root ca "posta test CA"
    make_brokers
    make_clients
    make_chained
    rm -f ./*.csr ./[0-9A-F]*.pem
    chmod 0600 ./*.key ./*.keystore.pem
}

main() {
    [[ -e $DIR/$MARK ]] && return 0
    rm -rf "$DIR"
    mkdir -p "$DIR"
    cd "$DIR"
    make_all
    : >"$MARK"
    log "certificates made in $DIR"
}

main
