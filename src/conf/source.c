/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conf/source.h"

enum {
	FILE_BYTES_MAX = 1 << 20,
	TEXT_BYTES_MAX = 4 << 20,
	FILES_MAX = 1024,
	INCLUDE_DEPTH_MAX = 8,
	NESTING_MAX = 16,
	TOKEN_MAX = 4096,
};

enum kind { T_KEY, T_NUMBER, T_STRING, T_BOOL, T_EQUALS, T_OPEN, T_CLOSE, T_SEPARATOR };

/* What may come next in a group or list that is open. */
enum expect { EXPECT_KEY, EXPECT_EQUALS, EXPECT_VALUE, EXPECT_AFTER };

struct frame {
	char open; /* '{', '(', '['; 0 for the top */
	unsigned file;
	int line;
	enum expect expect;
	unsigned last_file; /* of the last value: a list may go on in the next include without a comma */
	bool any;           /* the list has a value */
	bool comma;         /* the last thing seen was a comma */
};

struct reader {
	struct sw_conf_source *out;
	struct sw_diag *diag;
	const char *dir;
	unsigned depth; /* of includes */
	const char *p, *end;
	unsigned file;
	int line;
	struct frame frames[NESTING_MAX];
	unsigned level; /* the frame that is open */
	char token[TOKEN_MAX];
	size_t token_len;
};

static int read_file(struct reader *x, const char *path, const char *from, int from_line);

static int refuse_at(struct reader *x, unsigned file, int line, const char *fmt, ...) SW_PRINTF(4, 5);
static int refuse_at(struct reader *x, unsigned file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->out->refused++;
	sw_diag_add(x->diag, SW_DIAG_ERROR, x->out->files[file], line, "%s", text);
	return SW_ECONF;
}

#define refuse(x, ...) refuse_at((x), (x)->file, (x)->line, __VA_ARGS__)

/* --- output --- */

static int emit(struct reader *x, const char *s, size_t n)
{
	struct sw_conf_source *o = x->out;
	struct sw_conf_place *last = o->n_places ? &o->places[o->n_places - 1] : NULL;

	if (last && last->file == x->file && last->line == x->line) {
		sw_buf_str(&o->text, " ");
	} else {
		if (o->n_places == o->places_size) {
			size_t size = o->places_size ? o->places_size * 2 : 256;
			struct sw_conf_place *grown = realloc(o->places, size * sizeof(*grown));

			if (!grown)
				return SW_ENOMEM;
			o->places = grown;
			o->places_size = size;
		}
		if (last)
			sw_buf_str(&o->text, "\n");
		o->places[o->n_places++] = (struct sw_conf_place){ x->file, x->line };
	}
	sw_buf_put(&o->text, s, n);
	return sw_buf_error(&o->text);
}

/* Stays on the output line of the token before: libconfig looks one token ahead before it notes a string's line. */
static int emit_here(struct reader *x, const char *s)
{
	sw_buf_str(&x->out->text, s);
	return sw_buf_error(&x->out->text);
}

/* --- the grammar --- */

static const char *kind_name(enum kind kind)
{
	switch (kind) {
	case T_KEY:
		return "a key";
	case T_EQUALS:
		return "'='";
	case T_OPEN:
		return "an opening bracket";
	case T_CLOSE:
		return "a closing bracket";
	case T_SEPARATOR:
		return "';' or ','";
	default:
		return "a value";
	}
}

static char closing(char open)
{
	return open == '{' ? '}' : open == '(' ? ')' : ']';
}

static int close_frame(struct reader *x, char c, unsigned base)
{
	struct frame *f = &x->frames[x->level];

	if (x->level == 0)
		return refuse(x, "'%c' closes nothing", c);
	if (c != closing(f->open))
		return refuse(x, "'%c' does not close the '%c' of line %d", c, f->open, f->line);
	if (x->level == base)
		return refuse(x, "'%c' closes what another file opened", c);
	x->level--;
	return emit_here(x, c == '}' ? " }" : " )");
}

/* After a whole value: in a group its end is written out, which the author may have left away. */
static int value_done(struct reader *x)
{
	struct frame *f = &x->frames[x->level];

	f->expect = EXPECT_AFTER;
	f->last_file = x->file;
	f->any = true;
	f->comma = false;
	return f->open == '(' || f->open == '[' ? 0 : emit_here(x, ";");
}

static int value(struct reader *x, enum kind kind)
{
	struct frame *f = &x->frames[x->level];
	bool list = f->open == '(' || f->open == '[';
	int r;

	if (list && f->any) {
		r = emit_here(x, ",");
		if (r)
			return r;
	}
	if (kind != T_OPEN) {
		r = emit(x, x->token, x->token_len);
		return r ? r : value_done(x);
	}
	if (x->level + 1 == NESTING_MAX)
		return refuse(x, "nested too deep");
	r = emit(x, x->token[0] == '{' ? "{" : "(", 1); /* '[' allows one type only; each value is judged later anyway */
	if (r)
		return r;
	x->frames[++x->level] = (struct frame){
		.open = x->token[0], .file = x->file, .line = x->line, .expect = x->token[0] == '{' ? EXPECT_KEY : EXPECT_VALUE
	};
	return 0;
}

static int take_in_list(struct reader *x, enum kind kind, unsigned base)
{
	struct frame *f = &x->frames[x->level];
	bool next = kind != T_KEY && kind != T_EQUALS && kind != T_SEPARATOR;
	int r;

	if (kind == T_CLOSE) {
		r = close_frame(x, x->token[0], base);
		return r ? r : value_done(x);
	}
	if (kind == T_SEPARATOR && x->token[0] == ',' && f->any && !f->comma) {
		f->comma = true;
		f->expect = EXPECT_VALUE;
		return 0;
	}
	if (next && (f->expect == EXPECT_VALUE || f->last_file != x->file))
		return value(x, kind);
	if (next)
		return refuse(x, "a ',' is missing before this value, or a '%c' after the one before", closing(f->open));
	if (kind == T_KEY)
		return refuse(x, "'%.*s' stands in a list: text is written in quotes, and keys belong into { }",
			      (int)x->token_len, x->token);
	return refuse(x, "%s is not expected here, in the list of line %d", kind_name(kind), f->line);
}

static int take_in_group(struct reader *x, enum kind kind, unsigned base)
{
	struct frame *f = &x->frames[x->level];
	int r;

	switch (f->expect) {
	case EXPECT_AFTER:
		if (kind == T_SEPARATOR) {
			f->expect = EXPECT_KEY;
			return 0;
		}
		/* fall through */
	case EXPECT_KEY:
		if (kind == T_CLOSE) {
			r = close_frame(x, x->token[0], base);
			return r ? r : value_done(x);
		}
		if (kind != T_KEY)
			return refuse(x, "expected a key, not %s", kind_name(kind));
		f->expect = EXPECT_EQUALS;
		return emit(x, x->token, x->token_len);
	case EXPECT_EQUALS:
		if (kind != T_EQUALS)
			return refuse(x, "expected '=' after the key, not %s", kind_name(kind));
		f->expect = EXPECT_VALUE;
		return emit_here(x, " =");
	case EXPECT_VALUE:
		if (kind == T_EQUALS || kind == T_CLOSE || kind == T_SEPARATOR)
			return refuse(x, "expected a value, not %s", kind_name(kind));
		return value(x, kind);
	}
	return SW_EINTERNAL;
}

/* A bare word where a value belongs: true or false, or text whose quotes were forgotten. */
static enum kind judge_word(struct reader *x)
{
	if (strcasecmp(x->token, "true") == 0 || strcasecmp(x->token, "false") == 0)
		return T_BOOL;
	if (strcasecmp(x->token, "yes") == 0 || strcasecmp(x->token, "on") == 0)
		refuse(x, "write true in place of %s", x->token);
	else if (strcasecmp(x->token, "no") == 0 || strcasecmp(x->token, "off") == 0)
		refuse(x, "write false in place of %s, or \"%s\" in quotes where a word is meant", x->token, x->token);
	else
		refuse(x, "text is written in quotes: \"%s\"", x->token);
	x->token_len = (size_t)snprintf(x->token, sizeof(x->token), "\"%s\"", SW_CONF_REFUSED);
	return T_STRING;
}

static int take(struct reader *x, enum kind kind, unsigned base)
{
	const struct frame *f = &x->frames[x->level];
	bool list = f->open == '(' || f->open == '[';

	if (kind == T_KEY && (f->expect == EXPECT_VALUE || (list && f->expect == EXPECT_AFTER)))
		kind = judge_word(x);
	return list ? take_in_list(x, kind, base) : take_in_group(x, kind, base);
}

/* --- tokens --- */

static int skip_comment(struct reader *x)
{
	int start = x->line;

	if (x->p[0] == '#' || x->p[1] == '/') {
		while (x->p < x->end && *x->p != '\n')
			x->p++;
		return 0;
	}
	for (x->p += 2; x->p < x->end; x->p++) {
		if (*x->p == '\n')
			x->line++;
		if (*x->p == '*' && x->p + 1 < x->end && x->p[1] == '/') {
			x->p += 2;
			return 0;
		}
	}
	return refuse_at(x, x->file, start, "the comment that starts here does not end");
}

static int put(struct reader *x, char c)
{
	if (x->token_len + 2 >= sizeof(x->token))
		return refuse(x, "longer than %d bytes", TOKEN_MAX);
	x->token[x->token_len++] = c;
	x->token[x->token_len] = '\0';
	return 0;
}

/* The string with its quotes, escapes left to libconfig. It must end on its line: else a quote is missing. */
static int read_string(struct reader *x)
{
	bool escaped = false;

	x->token_len = 0;
	do {
		int r = put(x, *x->p);

		if (r)
			return r;
		if (*x->p == '"' && x->token_len > 1 && !escaped) {
			x->p++;
			return 0;
		}
		if (iscntrl((unsigned char)*x->p))
			return refuse(x, "control characters are not allowed in a string");
		if (escaped && !strchr("\"\\nrtf", *x->p))
			return refuse(x, "'\\%c' has no meaning in a string: write '\\\\' for a backslash", *x->p);
		escaped = *x->p == '\\' && !escaped;
		x->p++;
	} while (x->p < x->end && *x->p != '\n');
	return refuse(x, "the string does not end on its line: a '\"' is missing");
}

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || strchr("_-+.*", c);
}

/* Only whole decimal numbers that fit: libconfig cuts others to something else. */
static void check_number(struct reader *x)
{
	const char *s = x->token;
	size_t digits;
	long long n;

	s += *s == '-' || *s == '+';
	digits = strspn(s, "0123456789");
	n = digits && !s[digits] && digits <= 10 ? strtoll(x->token, NULL, 10) : INT64_MAX;
	if (n >= INT32_MIN && n <= INT32_MAX)
		return;
	if (digits && strspn(s + digits, "msdhKMGiB") == strlen(s + digits) && s[digits])
		refuse(x, "a number with a unit is written in quotes: \"%s\"", x->token);
	else if (digits && !s[digits])
		refuse(x, "%s is too large", x->token);
	else
		refuse(x, "'%s' is not a whole number; text is written in quotes", x->token);
	x->token_len = (size_t)snprintf(x->token, sizeof(x->token), "\"%s\"", SW_CONF_REFUSED);
}

static int read_word(struct reader *x, enum kind *kind)
{
	x->token_len = 0;
	while (x->p < x->end && word_byte(*x->p)) {
		int r = put(x, *x->p++);

		if (r)
			return r;
	}
	if (isdigit((unsigned char)x->token[0]) || strchr("-+.", x->token[0])) {
		check_number(x);
		*kind = T_NUMBER;
		return 0;
	}
	if (strpbrk(x->token, "+.*") || x->token[0] == '_')
		return refuse(x, "'%s' is not a key: letters, digits, '_' and '-'; text is written in quotes", x->token);
	*kind = T_KEY;
	return 0;
}

static int read_token(struct reader *x, enum kind *kind)
{
	char c = *x->p;

	if (c == '"') {
		*kind = T_STRING;
		return read_string(x);
	}
	if (word_byte(c))
		return read_word(x, kind);
	x->p++;
	x->token[0] = c;
	x->token[1] = '\0';
	x->token_len = 1;
	switch (c) {
	case '=':
	case ':':
		*kind = T_EQUALS;
		return 0;
	case ';':
	case ',':
		*kind = T_SEPARATOR;
		return 0;
	case '{':
	case '(':
	case '[':
		*kind = T_OPEN;
		return 0;
	case '}':
	case ')':
	case ']':
		*kind = T_CLOSE;
		return 0;
	}
	if (isprint((unsigned char)c))
		return refuse(x, "'%c' has no meaning here; text is written in quotes", c);
	return refuse(x, "byte 0x%02x has no meaning here", (unsigned char)c);
}

/* --- includes --- */

static bool has_pattern(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

/* glob(3) goes on over a directory that isn't there, and stops at one that can't be read. */
static int unreadable(const char *path, int err)
{
	(void)path;
	return err != ENOENT;
}

static int keep_pattern(struct sw_conf_source *o, const char *pattern)
{
	char **grown = realloc(o->patterns.v, (o->patterns.n + 1) * sizeof(*grown));

	if (!grown)
		return SW_ENOMEM;
	o->patterns.v = grown;
	grown[o->patterns.n] = sw_str_dup(sw_str_of(pattern));
	if (!grown[o->patterns.n])
		return SW_ENOMEM;
	o->patterns.n++;
	return 0;
}

static int include_files(struct reader *x, const char *pattern)
{
	const char *from = x->out->files[x->file];
	int line = x->line, r;
	glob_t found;

	if (!has_pattern(pattern))
		return read_file(x, pattern, from, line);
	r = keep_pattern(x->out, pattern);
	if (r)
		return r;
	r = glob(pattern, 0, unreadable, &found); /* sorted; no match is no fault: conf.d may be empty */
	if (r == GLOB_NOMATCH) {
		sw_diag_add(x->diag, SW_DIAG_WARN, from, line, "no file is named %s", pattern);
		return 0;
	}
	if (r)
		return refuse(x, "%s: %s", pattern, r == GLOB_NOSPACE ? "out of memory" : "the directory cannot be read");
	for (size_t i = 0; i < found.gl_pathc && !r; i++)
		r = read_file(x, found.gl_pathv[i], from, line);
	globfree(&found);
	return r;
}

/* @include "path", alone on its line. */
static int include(struct reader *x)
{
	struct frame *f = &x->frames[x->level];
	char *name, *path = NULL;
	int r;

	if (f->expect == EXPECT_EQUALS || (f->expect == EXPECT_VALUE && f->open != '(' && f->open != '['))
		return refuse(x, "@include is not expected here: it stands between settings or between the values of a list");
	x->p += strlen("@include");
	while (x->p < x->end && (*x->p == ' ' || *x->p == '\t'))
		x->p++;
	if (x->p == x->end || *x->p != '"')
		return refuse(x, "@include is followed by a path in quotes");
	r = read_string(x);
	if (r)
		return r;
	if (!x->dir)
		return refuse(x, "@include is not possible here");
	if (strchr(x->token, '\\'))
		return refuse(x, "backslashes are not possible in the path of an @include");
	name = x->token + 1;
	name[x->token_len - 2] = '\0';
	if (!*name)
		return refuse(x, "the path is empty");
	if (asprintf(&path, "%s%s%s", *name == '/' ? "" : x->dir, *name == '/' ? "" : "/", name) < 0)
		return SW_ENOMEM;
	r = include_files(x, path);
	free(path);
	return r;
}

/* --- files --- */

static int scan(struct reader *x)
{
	unsigned base = x->level;
	int r = 0;

	while (x->p < x->end && !r) {
		enum kind kind = T_KEY;

		if (*x->p == '\n') {
			x->line++;
			x->p++;
		} else if (strchr(" \t\r\f", *x->p)) {
			x->p++;
		} else if (*x->p == '#' || (*x->p == '/' && x->p + 1 < x->end && (x->p[1] == '/' || x->p[1] == '*'))) {
			r = skip_comment(x);
		} else if ((size_t)(x->end - x->p) > 8 && strncmp(x->p, "@include", 8) == 0 && !word_byte(x->p[8])) {
			r = include(x);
		} else {
			r = read_token(x, &kind);
			if (!r)
				r = take(x, kind, base);
		}
	}
	if (r)
		return r;
	if (x->level > base)
		return refuse_at(x, x->frames[x->level].file, x->frames[x->level].line, "the '%c' opened here is not closed",
				 x->frames[x->level].open);
	if (x->frames[x->level].expect == EXPECT_EQUALS ||
	    (x->frames[x->level].expect == EXPECT_VALUE && x->frames[x->level].open != '(' && x->frames[x->level].open != '['))
		return refuse(x, "the file ends in the middle of a setting");
	return 0;
}

static int scan_text(struct reader *x, const char *name, const char *text, size_t len)
{
	struct sw_conf_source *o = x->out;
	const char *p = x->p, *end = x->end, *nul = memchr(text, '\0', len);
	unsigned file = x->file;
	int line = x->line, r;
	char **grown = realloc(o->files, (o->n_files + 1) * sizeof(*grown));

	if (!grown)
		return SW_ENOMEM;
	o->files = grown;
	o->files[o->n_files] = sw_str_dup(sw_str_of(name));
	if (!o->files[o->n_files])
		return SW_ENOMEM;
	x->file = (unsigned)o->n_files++;
	x->line = 1;
	x->p = text;
	x->end = text + len;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		x->p += 3;
	r = nul ? refuse(x, "not a text file: it holds NUL bytes") : scan(x);
	x->file = file;
	x->line = line;
	x->p = p;
	x->end = end;
	return r;
}

static int read_all(int fd, char **out, size_t *len)
{
	char *data = malloc(FILE_BYTES_MAX + 1);
	size_t n = 0;

	if (!data)
		return -ENOMEM;
	for (;;) {
		ssize_t got = read(fd, data + n, FILE_BYTES_MAX + 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || n + (size_t)got > FILE_BYTES_MAX) {
			int err = got < 0 ? errno : EFBIG;

			free(data);
			return -err;
		}
		if (!got)
			break;
		n += (size_t)got;
	}
	*out = data;
	*len = n;
	return 0;
}

/* from and from_line: the @include, or NULL for the main file. */
static int read_file(struct reader *x, const char *path, const char *from, int from_line)
{
	struct stat st;
	char *data = NULL;
	size_t len = 0;
	int fd, r;

	if (x->depth == INCLUDE_DEPTH_MAX || x->out->n_files == FILES_MAX) {
		sw_diag_add(x->diag, SW_DIAG_ERROR, from, from_line, "%s",
			    x->depth == INCLUDE_DEPTH_MAX ? "includes are nested too deep; does a file include itself?"
							  : "too many files");
		return SW_ECONF;
	}
	/* O_NONBLOCK: a FIFO must not hold us up before fstat tells. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	r = fd < 0 || fstat(fd, &st) < 0 ? -errno
	    : S_ISREG(st.st_mode)        ? read_all(fd, &data, &len)
	    : S_ISDIR(st.st_mode)        ? -EISDIR
					 : -EINVAL;
	if (fd >= 0)
		close(fd);
	if (r) {
		if (from)
			sw_diag_add(x->diag, SW_DIAG_ERROR, from, from_line, "%s: %s", path, strerror(-r));
		else
			sw_diag_add(x->diag, SW_DIAG_ERROR, path, 0, "cannot be read: %s", strerror(-r));
		return SW_ECONF;
	}
	x->depth++;
	r = scan_text(x, path, data, len);
	x->depth--;
	free(data);
	return r;
}

int sw_conf_source_read(struct sw_conf_source *s, const char *path, const char *text, const char *dir, struct sw_diag *diag)
{
	struct reader *x = calloc(1, sizeof(*x));
	int r;

	*s = (struct sw_conf_source){ 0 };
	sw_buf_init(&s->text, TEXT_BYTES_MAX);
	if (!x)
		return SW_ENOMEM;
	x->out = s;
	x->diag = diag;
	x->dir = text ? NULL : dir;
	r = text ? scan_text(x, path, text, strlen(text)) : read_file(x, path, NULL, 0);
	if (r == SW_ELIMIT) {
		sw_diag_add(diag, SW_DIAG_ERROR, path, 0, "longer than %d MiB", TEXT_BYTES_MAX >> 20);
		r = SW_ECONF;
	}
	if (!r) {
		sw_buf_put(&s->text, "\n", 2); /* with the NUL libconfig wants */
		r = sw_buf_error(&s->text);
	}
	free(x);
	return r;
}

void sw_conf_source_free(struct sw_conf_source *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		free(s->files[i]);
	free(s->files);
	for (size_t i = 0; i < s->patterns.n; i++)
		free(s->patterns.v[i]);
	free(s->patterns.v);
	free(s->places);
	sw_buf_free(&s->text);
}

struct sw_conf_where sw_conf_source_where(const struct sw_conf_source *s, unsigned output_line)
{
	const struct sw_conf_place *p;

	if (!s->n_files)
		return (struct sw_conf_where){ 0 };
	if (!output_line || !s->n_places)
		return (struct sw_conf_where){ s->files[0], 0 };
	p = &s->places[output_line <= s->n_places ? output_line - 1 : s->n_places - 1];
	return (struct sw_conf_where){ s->files[p->file], p->line };
}
