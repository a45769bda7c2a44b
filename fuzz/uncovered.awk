# Lists the functions with lines that were not reached, with the reasons for that.
# First file: FILE FUNCTION,... REASON; a function * stands for all of the file that have none of their own.
# Second: FILE, and line and column where a piece begins and ends that was not reached.

FILENAME == "fuzz/uncovered" {
    if (NF && $1 !~ /^#/) {
        module = $1
        count = split($2, named, ",")
        sub(/^[^ ]+ +[^ ]+ +/, "")
        for (n = 1; n <= count; n++) reason[module " " named[n]] = $0
    }
    next
}

$1 != file {
    flush()
    file = $1
    lines = 0
    name = "*"
    path = "core/src/" file
    while ((getline text < path) > 0) {
        source[++lines] = text
        if (match(text, /(^| )fn [a-z0-9_]+/)) {
            name = substr(text, RSTART, RLENGTH)
            sub(/.*fn /, "", name)
        }
        within[lines] = name
    }
    close(path)
}

{
    for (at = $2; at <= $4; at++) {
        text = at == $4 ? substr(source[at], 1, $5 - 1) : source[at]
        if (at == $2) text = substr(text, $3)
        # Braces say nothing.
        if (text !~ /^[]{}();, \t]*(\/\/.*)?$/) note(within[at], at)
    }
}

END { flush() }

function note(name, at) {
    if (!(name in last)) order[++names] = name
    else if (last[name] == at) return
    if ((name in last) && last[name] == at - 1) {
        sub(/(–[0-9]+)?$/, "–" at, where[name])
    } else {
        where[name] = where[name] (name in last ? ", " : "") at
    }
    last[name] = at
}

# One line for all functions of the file that have the same reason.
function flush(n, why, said, whys, count) {
    if (names) print "### `" file "`\n"
    for (n = 1; n <= names; n++) {
        name = order[n]
        why = "no reason"
        if ((file " *") in reason) why = reason[file " *"]
        if ((file " " name) in reason) why = reason[file " " name]
        name = "`" name "` (" where[name] ")"
        if (why in said) {
            said[why] = said[why] ", " name
        } else {
            said[why] = name
            whys[++count] = why
        }
    }
    for (n = 1; n <= count; n++) print "- " said[whys[n]] ": " whys[n]
    if (names) print ""
    delete last; delete where; delete order
    names = 0
}
