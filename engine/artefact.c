/* Reading an artefact, from its first byte to its tensors: characters, strings, values, the file, the configuration.
 *
 * The header is JSON (RFC 8259). The configuration is JSON too, but stands inside a string of the header, so its every
 * quote is written \" there. `character` undoes that as it goes: all above it reads both texts by the same functions.
 *
 * Functions that read something return 1 and leave the text behind it, or return 0 where it is malformed; the text is
 * then of no further use. */
#include "artefact.h"

#include "sinet.h"

struct text {
    const unsigned char *at, *end;
    int quoted; /* the text is the content of a JSON string */
};

enum { END = -1, BAD = -2 }; /* in place of a character */

/* ---- characters ------------------------------------------------------------------------------------------------- */

static int32_t byte(struct text *t) { return t->at < t->end ? *t->at++ : END; }

static int32_t hex4(struct text *t, int32_t (*next)(struct text *)) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int32_t c = next(t);
        if (c >= '0' && c <= '9') value = value * 16 + c - '0';
        else if (c >= 'a' && c <= 'f') value = value * 16 + c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') value = value * 16 + c - 'A' + 10;
        else return BAD;
    }
    return value;
}

/* What an escape means, once its backslash is read. Surrogates must come in pairs. */
static int32_t escaped(struct text *t, int32_t (*next)(struct text *)) {
    int32_t c = next(t);
    switch (c) {
    case '"': case '\\': case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return BAD;
    }
    int32_t high = hex4(t, next);
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || next(t) != '\\' || next(t) != 'u') return BAD;
    int32_t low = hex4(t, next);
    if (low < 0xdc00 || low > 0xdfff) return BAD;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* The next character of a text. Bytes beyond ASCII pass one by one: no name that we look for has any. */
static int32_t character(struct text *t) {
    int32_t c = byte(t);
    return t->quoted && c == '\\' ? escaped(t, byte) : c;
}

static int32_t peek(const struct text *t) {
    struct text ahead = *t;
    return character(&ahead);
}

static void space(struct text *t) {
    for (int32_t c; c = peek(t), c == ' ' || c == '\n' || c == '\r' || c == '\t';) character(t);
}

/* Read white space, then `c` if it comes next. */
static int accept(struct text *t, int32_t c) {
    space(t);
    if (peek(t) != c) return 0;
    character(t);
    return 1;
}

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static int is_utf8(const unsigned char *at, size_t bytes) {
    const unsigned char *end = at + bytes;
    while (at < end) {
        unsigned char c = *at++;
        if (c < 0x80) continue;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || end - at < more) return 0;
        unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high) return 0;
        for (int i = 1; i < more; i++)
            if ((at[i] & 0xc0) != 0x80) return 0;
        at += more;
    }
    return 1;
}

/* ---- strings ---------------------------------------------------------------------------------------------------- */

/* Read a string; `body` is what stands between its quotes, escapes and all. */
static int string(struct text *t, struct text *body) {
    if (!accept(t, '"')) return 0;
    *body = *t;
    for (;;) {
        body->end = t->at;
        int32_t c = character(t);
        if (c == '"') return 1;
        if (c == '\\') {
            if (escaped(t, character) < 0) return 0;
        } else if (c < ' ') return 0; /* control characters, the end, a bad escape */
    }
}

/* Whether the string with this body is `name`, which is ASCII. */
static int equals(struct text body, const char *name) {
    for (;; name++) {
        int32_t c = character(&body);
        if (c == '\\') c = escaped(&body, character);
        if (c != (*name ? *name : END)) return 0;
        if (!*name) return 1;
    }
}

/* Read a member's name and the colon after it. */
static int key(struct text *t, struct text *body) { return string(t, body) && accept(t, ':'); }

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* In an object or a list of which `count` items are read: 1 where another follows, 0 at its end, -1 if malformed. */
static int another(struct text *t, int32_t close, int count) {
    if (accept(t, close)) return 0;
    return count == 0 || accept(t, ',') ? 1 : -1;
}

static int digits(struct text *t) {
    int count = 0;
    for (int32_t c; c = peek(t), c >= '0' && c <= '9'; count++) character(t);
    return count > 0;
}

static int number(struct text *t) {
    if (peek(t) == '-') character(t);
    if (peek(t) == '0') character(t);
    else if (!digits(t)) return 0;
    if (peek(t) == '.') {
        character(t);
        if (!digits(t)) return 0;
    }
    if (peek(t) == 'e' || peek(t) == 'E') {
        character(t);
        if (peek(t) == '+' || peek(t) == '-') character(t);
        return digits(t);
    }
    return 1;
}

static int word(struct text *t, const char *word) {
    while (*word)
        if (character(t) != *word++) return 0;
    return 1;
}

/* Read past a value of any kind, nested at most `depth` deep. */
static int skip(struct text *t, int depth) {
    struct text body;
    int32_t close = accept(t, '{') ? '}' : accept(t, '[') ? ']' : 0;
    if (!close) {
        switch (peek(t)) {
        case '"': return string(t, &body);
        case 't': return word(t, "true");
        case 'f': return word(t, "false");
        case 'n': return word(t, "null");
        default: return number(t);
        }
    }
    if (depth == 0) return 0;
    for (int count = 0;; count = 1) {
        int more = another(t, close, count);
        if (more <= 0) return more == 0;
        if ((close == '}' && !key(t, &body)) || !skip(t, depth - 1)) return 0;
    }
}

/* Read a whole number from `low`, which is not negative, to `high`. What may not follow one, such as a fraction, is
 * malformed wherever the reader goes on. */
static int integer(struct text *t, uint64_t low, uint64_t high, uint64_t *value) {
    space(t);
    int32_t c = peek(t);
    if (c < '0' || c > '9') return 0;
    *value = 0;
    do {
        character(t);
        uint64_t digit = c - '0';
        if (digit > high || *value > (high - digit) / 10) return 0;
        *value = *value * 10 + digit;
        if (*value == 0) break; /* no leading zeros */
        c = peek(t);
    } while (c >= '0' && c <= '9');
    return *value >= low;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

struct tensor {
    int is_float;
    uint64_t count, begin, end;
};

/* Read a shape, and count the values that it holds. */
static int shape(struct text *t, uint64_t *count) {
    if (!accept(t, '[')) return 0;
    *count = 1;
    for (int sides = 0;; sides = 1) {
        int more = another(t, ']', sides);
        if (more <= 0) return more == 0;
        uint64_t side;
        if (!integer(t, 0, INT64_MAX, &side)) return 0;
        if (side != 0 && *count > INT64_MAX / 8 / side) return 0;
        *count *= side;
    }
}

/* Read a tensor's entry. Its place lies within the data, and is as large as its shape says where it is float32. */
static int entry(struct text *t, uint64_t data_bytes, struct tensor *tensor) {
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7, OTHER = 8 };
    int seen = 0, more;
    struct text name, dtype;
    if (!accept(t, '{')) return 0;
    while ((more = another(t, '}', seen)) == 1) {
        int field = OTHER, good;
        if (!key(t, &name)) return 0;
        if (equals(name, "dtype")) {
            field = DTYPE;
            good = string(t, &dtype);
            if (good) tensor->is_float = equals(dtype, "F32");
        } else if (equals(name, "shape")) {
            field = SHAPE;
            good = shape(t, &tensor->count);
        } else if (equals(name, "data_offsets")) {
            field = OFFSETS;
            good = accept(t, '[') && integer(t, 0, data_bytes, &tensor->begin) && accept(t, ',') &&
                   integer(t, tensor->begin, data_bytes, &tensor->end) && accept(t, ']');
        } else {
            good = skip(t, MAX_DEPTH);
        }
        if (!good || (seen & field & ALL)) return 0;
        seen |= field;
    }
    if (more != 0 || (seen & ALL) != ALL) return 0;
    return !tensor->is_float || tensor->end - tensor->begin == 4 * tensor->count;
}

/* A number that looks drawn by chance (the finaliser of splitmix64). */
static uint64_t scatter(uint64_t x) {
    x = (x + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 30) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

int artefact_open(struct artefact *artefact, const void *file, size_t bytes) {
    const unsigned char *at = file;
    uint64_t length = 0;
    if (bytes < 8) return SINET_ERROR_FILE;
    for (int i = 0; i < 8; i++) length |= (uint64_t)at[i] << 8 * i;
    if (length > MAX_HEADER || length > bytes - 8) return SINET_ERROR_FILE;
    artefact->header = at + 8;
    artefact->header_bytes = length;
    artefact->data = at + 8 + length;
    artefact->data_bytes = bytes - 8 - length;
    artefact->metadata = 0;
    artefact->tensor_count = 0;

    struct text t = {artefact->header, artefact->data, 0}, name;
    if (!is_utf8(artefact->header, length) || peek(&t) != '{' || !accept(&t, '{')) return SINET_ERROR_FILE;
    /* The tensors must fill the data exactly: none twice, no gap, nothing behind the last. That is so just where all
     * their begins and the data's end are the same numbers as all their ends and the data's begin, in whatever order;
     * and these are compared without sorting them by a sum of scattered numbers. */
    uint64_t balance = scatter(artefact->data_bytes) - scatter(0);
    int more;
    for (int count = 0; (more = another(&t, '}', count)) == 1; count = 1) {
        uint32_t place = t.at - artefact->header;
        if (!key(&t, &name)) return SINET_ERROR_FILE;
        if (equals(name, "__metadata__")) {
            if (artefact->metadata) return SINET_ERROR_FILE;
            artefact->metadata = t.at - artefact->header;
            if (!skip(&t, MAX_DEPTH)) return SINET_ERROR_FILE;
        } else {
            struct tensor tensor;
            if (artefact->tensor_count == MAX_TENSORS) return SINET_ERROR_FILE;
            artefact->tensors[artefact->tensor_count++] = place;
            if (!entry(&t, artefact->data_bytes, &tensor)) return SINET_ERROR_FILE;
            balance += scatter(tensor.begin) - scatter(tensor.end);
        }
    }
    space(&t); /* padding */
    return more == 0 && t.at == t.end && balance == 0 ? SINET_OK : SINET_ERROR_FILE;
}

int artefact_tensor(const struct artefact *artefact, const char *name, size_t count, const unsigned char **data) {
    int found = 0;
    for (int i = 0; i < artefact->tensor_count; i++) {
        struct text t = {artefact->header + artefact->tensors[i], artefact->data, 0}, body;
        struct tensor tensor;
        if (!key(&t, &body)) return SINET_ERROR_TENSOR;
        if (!equals(body, name)) continue;
        if (found || !entry(&t, artefact->data_bytes, &tensor)) return SINET_ERROR_TENSOR;
        if (!tensor.is_float || tensor.count != count) return SINET_ERROR_TENSOR;
        *data = artefact->data + tensor.begin;
        found = 1;
    }
    return found ? SINET_OK : SINET_ERROR_TENSOR;
}

/* ---- the configuration ------------------------------------------------------------------------------------------ */

/* A member of an object, and where it goes in the struct: a whole number from `low` to `high`; or, where `items` says
 * what its items are, a list of so many objects; or true or false, or the first or the second of two `words`. No other
 * member may be there: a network with a property that we do not know is a network that we cannot run. All must be there
 * but those of the last two kinds, which are `low` where they are not. */
struct field {
    const char *name;
    short low, high, offset, item_bytes;
    const struct field *items; /* ends with a null name; the length of a list of any length goes right before the list */
    const char *words;         /* the second behind the first; of true or false: empty */
};

static const struct field BRANCH[] = {
    {"kernel", 1, MAX_KERNEL, offsetof(struct branch_config, kernel), 0, 0, 0},
    {"pool", 1, MAX_POOL, offsetof(struct branch_config, pool), 0, 0, 0},
    {"crossed", 0, 0, offsetof(struct branch_config, crossed), 0, 0, ""},
    {0},
};
static const struct field MODULE[] = {
    {"width", 4, MAX_WIDTH, offsetof(struct module_config, width), 0, 0, 0},
    {"branches", 2, 2, offsetof(struct module_config, branches), sizeof(struct branch_config), BRANCH, 0},
    {0},
};
static const struct field STAGE[] = {
    {"down", 1, MAX_WIDTH, offsetof(struct stage_config, down), 0, 0, 0},
    {"reduction", 1, 2 * MAX_WIDTH, offsetof(struct stage_config, reduction), 0, 0, 0},
    {"modules", 0, MAX_MODULES, offsetof(struct stage_config, module), sizeof(struct module_config), MODULE, 0},
    {0},
};
static const struct field NETWORK[] = {
    {"classes", 2, MAX_CLASSES, offsetof(struct config, classes), 0, 0, 0},
    {"stem", 1, MAX_WIDTH, offsetof(struct config, stem), 0, 0, 0},
    {"stages", 2, MAX_STAGES, offsetof(struct config, stages), sizeof(struct stage_config), STAGE, 0},
    {"head", 0, 0, offsetof(struct config, transposed), 0, 0, "conv\0transposed"},
    {"aligned_corners", 1, 0, offsetof(struct config, aligned), 0, 0, ""},
    {0},
};

static int object(struct text *t, const struct field *fields, char *to);

static int list(struct text *t, const struct field *field, char *to) {
    int count = 0, more;
    if (!accept(t, '[')) return 0;
    for (; (more = another(t, ']', count)) == 1; count++) {
        if (count == field->high) return 0;
        if (!object(t, field->items, to + field->offset + count * field->item_bytes)) return 0;
    }
    if (more != 0 || count < field->low) return 0;
    if (field->low < field->high) ((int *)(to + field->offset))[-1] = count;
    return 1;
}

static int choice(struct text *t, const char *words, uint64_t *value) {
    struct text body;
    space(t);
    *value = peek(t) == 't';
    if (!*words) return word(t, *value ? "true" : "false");
    if (!string(t, &body)) return 0;
    *value = !equals(body, words);
    while (*words++) {}
    return !*value || equals(body, words);
}

static int object(struct text *t, const struct field *fields, char *to) {
    unsigned seen = 0, all = 0, bit = 1;
    int more;
    if (!accept(t, '{')) return 0;
    for (const struct field *f = fields; f->name; f++, bit <<= 1) {
        if (f->words) *(int *)(to + f->offset) = f->low;
        else all |= bit;
    }
    while ((more = another(t, '}', seen != 0)) == 1) {
        struct text name;
        uint64_t value = 0;
        const struct field *f = fields;
        if (!key(t, &name)) return 0;
        for (bit = 1; f->name && !equals(name, f->name); f++) bit <<= 1;
        if (!f->name || (seen & bit)) return 0;
        seen |= bit;
        if (f->items) {
            if (!list(t, f, to)) return 0;
            continue;
        }
        if (!(f->words ? choice(t, f->words, &value) : integer(t, f->low, f->high, &value))) return 0;
        *(int *)(to + f->offset) = value;
    }
    return more == 0 && (seen & all) == all;
}

/* What the ranges in the tables cannot say. */
static int is_consistent(const struct config *config) {
    int channels = config->stem;
    for (int s = 0; s < config->stage_count; s++) {
        const struct stage_config *stage = &config->stages[s];
        if ((stage->modules && stage->down % 2 != 0) || stage->reduction > channels) return 0;
        for (int m = 0; m < stage->modules; m++) {
            const struct module_config *module = &stage->module[m];
            if (module->width % 4 != 0) return 0;
            for (int b = 0; b < 2; b++)
                if (module->branches[b].kernel % 2 == 0) return 0;
        }
        channels = joined_of(stage);
    }
    return config->stage_count == 2 || features_of(&config->stages[0]) == config->classes;
}

/* Find a member that stands once in an object, and leave `found` at its value. */
static int member(struct text *t, const char *name, struct text *found) {
    int times = 0, more;
    if (!accept(t, '{')) return 0;
    for (int count = 0; (more = another(t, '}', count)) == 1; count = 1) {
        struct text body;
        if (!key(t, &body)) return 0;
        if (equals(body, name)) {
            times++;
            *found = *t;
        }
        if (!skip(t, MAX_DEPTH)) return 0;
    }
    return more == 0 && times == 1;
}

int artefact_config(const struct artefact *artefact, struct config *config) {
    struct text metadata = {artefact->header + artefact->metadata, artefact->data, 0}, value, spec, network;
    if (!artefact->metadata || !member(&metadata, "spec", &value) || !string(&value, &spec)) return SINET_ERROR_CONFIG;
    spec.quoted = 1;
    if (!member(&spec, "network", &network)) return SINET_ERROR_CONFIG;
    space(&spec);
    if (spec.at != spec.end) return SINET_ERROR_CONFIG;
    if (!object(&network, NETWORK, (char *)config) || !is_consistent(config)) return SINET_ERROR_CONFIG;
    return SINET_OK;
}
