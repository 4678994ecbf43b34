# Sourced by the examples: a few functions for the API. Needs curl and node.
#   API=http://127.0.0.1:8787 KEY=dd_test_… examples/out-of-credits.sh
set -euo pipefail
: "${API:?Set API to the address of a started server, such as http://127.0.0.1:8787}"
: "${KEY:?Set KEY to its API key}"

# A customer has one subscription: every run makes a customer of its own.
RUN="example-$(date +%s)-$$"

# call STATUS METHOD PATH [BODY [IDEMPOTENCY_KEY]]: prints the answer; ends the script on another status.
call() {
  local expected=$1 method=$2 path=$3 body=${4:-} key=${5:-$RANDOM-$RANDOM-$RANDOM} answer status
  local -a data=()
  [ -z "$body" ] || data=(-H 'Content-Type: application/json' --data-raw "$body")
  answer=$(curl -sS -X "$method" "$API/v1/$path" -H "Authorization: Bearer $KEY" \
    -H "Idempotency-Key: $key" ${data[@]+"${data[@]}"} -w '\n%{http_code}')
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  if [ "$status" != "$expected" ]; then
    printf '%s %s answered %s instead of %s:\n%s\n' "$method" "$path" "$status" "$expected" "$answer" >&2
    return 1
  fi
  printf '%s\n' "$answer"
}

# pick EXPRESSION: prints the value of a JavaScript expression over `a`, the answer on stdin.
pick() {
  node -e '
    const text = require("fs").readFileSync(0, "utf8");
    if (text === "") process.exit(1); // the call before failed and said why
    const a = JSON.parse(text);
    const day = (at) => at.slice(0, 10), money = (m) => `${m.currency} ${(m.amount_minor / 100).toFixed(2)}`;
    const value = new Function("a", "day", "money", `return (${process.argv[1]})`)(a, day, money);
    console.log(value);' "$1"
}

# expect WHAT ACTUAL EXPECTED: ends the script when they differ.
expect() {
  [ "$2" = "$3" ] || { printf '%s: expected %s, got %s\n' "$1" "$3" "$2" >&2; exit 1; }
}

say() { printf '\n%s\n' "$*"; }
