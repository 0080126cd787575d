/* values.c - reads values that Python put, and puts values that Python reads.
 *
 *     cc values.c $(pkg-config --cflags --libs libbrain) -o values
 *     ./values /tmp/plasma read NAME ...    prints what is stored under each name
 *     ./values /tmp/plasma write            puts c:int, c:float, c:str, c:tensor and c:table
 *
 * Tables are Arrow IPC streams, which nanoarrow reads where they lie, and writes. (Not those with
 * columns of categories, which need a few calls more.)
 *
 *     cc -DWITH_NANOARROW values.c \
 *         $(pkg-config --cflags --libs libbrain nanoarrow-ipc nanoarrow) -o values
 *
 * Containers are CBOR (docs/format.md, TREE). Here is a reader of it that needs no library.
 */
#include <brain.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifdef WITH_NANOARROW
#include <nanoarrow/nanoarrow.h>
#include <nanoarrow/nanoarrow_ipc.h>
#endif

/* ---- numbers, text, tensors ------------------------------------------------------------------ */

static int print_int(const brain_view *view)
{
    int64_t value;
    if (view->size_bytes > sizeof value) {
        printf("int of %" PRIu64 " bytes\n", view->size_bytes);
        return 0;
    }
    int rc = brain_view_int(view, &value);
    if (rc == 0) printf("int %" PRId64 "\n", value);
    return rc;
}

static int print_float(const brain_view *view)
{
    double value;
    int rc = brain_view_float(view, &value);
    if (rc == 0) printf("float %.17g\n", value);
    return rc;
}

static int print_text(const brain_view *view)
{
    printf("str ");
    fwrite(view->data, 1, view->size_bytes, stdout);
    printf("\n");
    return 0;
}

static double element(const char *dtype, const char *at)
{
    double real = 0;
    float single = 0;
    int64_t integer = 0;
    if (strcmp(dtype, "<f8") == 0) return memcpy(&real, at, 8), real;
    if (strcmp(dtype, "<f4") == 0) return memcpy(&single, at, 4), (double)single;
    if (strcmp(dtype, "<i8") == 0) return memcpy(&integer, at, 8), (double)integer;
    return (double)*(const unsigned char *)at;
}

static int print_tensor(const brain_view *view)
{
    brain_tensor tensor;
    int rc = brain_tensor_decode(view->meta, view->meta_len, view->size_bytes, &tensor);
    if (rc != 0) return rc;
    printf("tensor %s (", tensor.dtype);
    for (uint32_t i = 0; i < tensor.ndim; i++)
        printf("%s%" PRIu64, i > 0 ? ", " : "", tensor.shape[i]);
    printf(")");
    if (strstr("<f8 <f4 <i8 |u1", tensor.dtype) != NULL && tensor.item_bytes > 0) {
        double sum = 0; /* in whatever order they lie */
        for (uint64_t at = 0; at < view->size_bytes; at += tensor.item_bytes)
            sum += element(tensor.dtype, (const char *)view->data + at);
        printf(", sum %.17g", sum);
    }
    printf("\n");
    return 0;
}

/* ---- containers: CBOR ------------------------------------------------------------------------ */

enum {
    UINT,
    NEGATIVE,
    BYTES,
    TEXT,
    ARRAY,
    MAP,
    TAG,
    SIMPLE
};
enum {
    TAG_RAW = 47621,
    TAG_BYTES = 47624
};
#define DEPTH_MAX 500

struct reader {
    const brain_view *view;
    const unsigned char *at, *end; /* what is left of the stream */
    unsigned depth;
};

static uint64_t little_endian(const unsigned char *from, int n_bytes)
{
    uint64_t value = 0;
    while (n_bytes-- > 0)
        value = value << 8 | from[n_bytes];
    return value;
}

/* Read the head of an item. Returns its major type, or -1: there is no sense in it. */
static int read_head(struct reader *reader, uint64_t *number)
{
    if (reader->at == reader->end) return -1;
    int major = *reader->at >> 5, info = *reader->at & 31;
    reader->at++;
    *number = (uint64_t)info;
    if (info < 24) return major;
    int n_bytes = info < 28 ? 1 << (info - 24) : 0;
    if (n_bytes == 0 || reader->end - reader->at < n_bytes) return -1;
    for (*number = 0; n_bytes > 0; n_bytes--)
        *number = *number << 8 | *reader->at++;
    return major;
}

static int print_run(struct reader *reader, int major, uint64_t length)
{
    if (length > (uint64_t)(reader->end - reader->at)) return -1;
    if (major == TEXT) {
        printf("\"");
        fwrite(reader->at, 1, length, stdout);
        printf("\"");
    } else {
        printf("<%" PRIu64 " bytes>", length);
    }
    reader->at += length;
    return 0;
}

/* A buffer beside the stream: its offset and length stand in the table before that. */
static int print_buffer(struct reader *reader)
{
    uint64_t number;
    const unsigned char *data = reader->view->data;
    if (read_head(reader, &number) != UINT || number >= little_endian(data, 4)) return -1;
    uint64_t offset = little_endian(data + 16 + 16 * number, 8);
    uint64_t length = little_endian(data + 24 + 16 * number, 8);
    if (offset > reader->view->size_bytes || length > reader->view->size_bytes - offset) return -1;
    printf("<%" PRIu64 " bytes at %" PRIu64 ">", length, offset);
    return 0;
}

static int print_item(struct reader *reader);

/* `count` items; `between` stands behind every other one. */
static int print_items(struct reader *reader, uint64_t count, const char *between)
{
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) printf("%s", i % 2 == 1 ? between : ", ");
        if (print_item(reader) != 0) return -1;
    }
    return 0;
}

static int print_map(struct reader *reader, uint64_t n_pairs)
{
    if (n_pairs > (uint64_t)(reader->end - reader->at)) return -1;
    printf("{");
    if (print_items(reader, 2 * n_pairs, ": ") != 0) return -1;
    printf("}");
    return 0;
}

static int print_array(struct reader *reader, uint64_t count)
{
    printf("[");
    if (print_items(reader, count, ", ") != 0) return -1;
    printf("]");
    return 0;
}

/* What Python has and CBOR has not: for a tuple, say, an array stands behind the tag. */
static int print_tagged(struct reader *reader, uint64_t tag)
{
    if (tag == TAG_RAW || tag == TAG_BYTES) return print_buffer(reader);
    printf("%" PRIu64 "(", tag);
    if (print_item(reader) != 0) return -1;
    printf(")");
    return 0;
}

static int print_simple(uint64_t number)
{
    static const char *const names[] = { "false", "true", "null" };
    if (number < 20 || number > 22) return -1;
    printf("%s", names[number - 20]);
    return 0;
}

static int print_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, 8);
    printf("%.17g", value);
    return 0;
}

static int print_integer(int major, uint64_t number)
{
    if (major == UINT)
        printf("%" PRIu64, number);
    else if (number < UINT64_MAX)
        printf("-%" PRIu64, number + 1);
    else
        printf("-18446744073709551616");
    return 0;
}

static int print_one(struct reader *reader)
{
    uint64_t number;
    int is_double = reader->at < reader->end && *reader->at == 0xfb;
    int major = read_head(reader, &number);
    switch (major) {
    case UINT:
    case NEGATIVE:
        return print_integer(major, number);
    case BYTES:
    case TEXT:
        return print_run(reader, major, number);
    case ARRAY:
        return print_array(reader, number);
    case MAP:
        return print_map(reader, number);
    case TAG:
        return print_tagged(reader, number);
    case SIMPLE:
        return is_double ? print_double(number) : print_simple(number);
    default:
        return -1;
    }
}

static int print_item(struct reader *reader)
{
    if (reader->depth == DEPTH_MAX) return -1;
    reader->depth++;
    int failed = print_one(reader);
    reader->depth--;
    return failed;
}

/* The stream is behind the table of buffers, whose head says how long either is. */
static int print_tree(const brain_view *view)
{
    const unsigned char *data = view->data;
    if (view->size_bytes < 16) return BRAIN_E_CORRUPT;
    uint64_t n_buffers = little_endian(data, 4), n_stream = little_endian(data + 8, 8);
    uint64_t room = view->size_bytes - 16;
    if (16 * n_buffers > room || n_stream > room - 16 * n_buffers) return BRAIN_E_CORRUPT;
    const unsigned char *stream = data + 16 + 16 * n_buffers;
    struct reader reader = { .view = view, .at = stream, .end = stream + n_stream };
    int failed = print_item(&reader);
    printf("\n");
    return failed || reader.at != reader.end ? BRAIN_E_CORRUPT : 0;
}

/* ---- tables: Arrow --------------------------------------------------------------------------- */

#ifdef WITH_NANOARROW

/* The sum of a column of numbers, without what is missing. */
static double column_sum(const struct ArrowArrayView *column)
{
    double sum = 0;
    for (int64_t i = 0; i < column->length; i++) {
        if (!ArrowArrayViewIsNull(column, i)) sum += ArrowArrayViewGetDoubleUnsafe(column, i);
    }
    return sum;
}

static int is_number(const struct ArrowSchema *field)
{
    return field->dictionary == NULL && strchr("cCsSiIlLfg", field->format[0]) != NULL &&
           field->format[1] == '\0';
}

static void print_schema(const struct ArrowSchema *schema)
{
    char text[1024];
    ArrowSchemaToString(schema, text, sizeof text, 1);
    printf("table %s\n", text);
}

static void print_batch(const struct ArrowSchema *schema, const struct ArrowArrayView *batch)
{
    printf("  %" PRId64 " rows", batch->length);
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (!is_number(schema->children[i])) continue;
        printf(", sum of %s: %.17g", schema->children[i]->name, column_sum(batch->children[i]));
    }
    printf("\n");
}

/* A message behind its header, which was decoded. */
static int read_message(struct ArrowIpcDecoder *decoder, struct ArrowSchema *schema,
                        struct ArrowBufferView body, struct ArrowError *error)
{
    struct ArrowArrayView *batch;
    switch (decoder->message_type) {
    case NANOARROW_IPC_MESSAGE_TYPE_SCHEMA:
        if (schema->release != NULL) return EINVAL;
        NANOARROW_RETURN_NOT_OK(ArrowIpcDecoderDecodeSchema(decoder, schema, error));
        print_schema(schema);
        return ArrowIpcDecoderSetSchema(decoder, schema, error);
    case NANOARROW_IPC_MESSAGE_TYPE_RECORD_BATCH:
        NANOARROW_RETURN_NOT_OK(ArrowIpcDecoderDecodeArrayView(decoder, body, -1, &batch, error));
        /* Nothing in the store can be believed of which one does not know who wrote it. */
        NANOARROW_RETURN_NOT_OK(
            ArrowArrayViewValidate(batch, NANOARROW_VALIDATION_LEVEL_FULL, error));
        print_batch(schema, batch);
        return NANOARROW_OK;
    default:
        ArrowErrorSet(error, "a message of type %d", (int)decoder->message_type);
        return ENOTSUP;
    }
}

/* The messages one after the other, in the shared memory itself. */
static int read_stream(struct ArrowIpcDecoder *decoder, struct ArrowSchema *schema,
                       struct ArrowBufferView left, struct ArrowError *error)
{
    for (;;) {
        int code = ArrowIpcDecoderDecodeHeader(decoder, left, error);
        if (code == ENODATA) return NANOARROW_OK; /* the end */
        if (code != NANOARROW_OK) return code;
        int64_t header = decoder->header_size_bytes, body = decoder->body_size_bytes;
        if (body < 0 || body > left.size_bytes - header) return EINVAL;
        struct ArrowBufferView view = { { left.data.as_uint8 + header }, body };
        NANOARROW_RETURN_NOT_OK(read_message(decoder, schema, view, error));
        left.data.as_uint8 += header + body;
        left.size_bytes -= header + body;
    }
}

static int print_table(const brain_view *view)
{
    struct ArrowIpcDecoder decoder;
    struct ArrowSchema schema = { .release = NULL };
    struct ArrowError error = { "" };
    struct ArrowBufferView whole = { { view->data }, (int64_t)view->size_bytes };
    if (ArrowIpcDecoderInit(&decoder) != NANOARROW_OK) return BRAIN_E_NOMEM;
    int code = read_stream(&decoder, &schema, whole, &error);
    if (code != NANOARROW_OK) fprintf(stderr, "values: Arrow: %s\n", error.message);
    if (schema.release != NULL) ArrowSchemaRelease(&schema);
    ArrowIpcDecoderReset(&decoder);
    return code == NANOARROW_OK ? 0 : code == ENOMEM ? BRAIN_E_NOMEM : BRAIN_E_CORRUPT;
}

static int fill_schema(struct ArrowSchema *schema)
{
    ArrowSchemaInit(schema);
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetTypeStruct(schema, 2));
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_INT64));
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(schema->children[0], "number"));
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema->children[1], NANOARROW_TYPE_STRING));
    return ArrowSchemaSetName(schema->children[1], "word");
}

static int fill_rows(struct ArrowArray *array)
{
    static const char *const words[] = { "zero", NULL, "two" };
    NANOARROW_RETURN_NOT_OK(ArrowArrayStartAppending(array));
    for (int i = 0; i < 3; i++) {
        NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(array->children[0], i));
        NANOARROW_RETURN_NOT_OK(
            words[i] == NULL ? ArrowArrayAppendNull(array->children[1], 1)
                             : ArrowArrayAppendString(array->children[1], ArrowCharView(words[i])));
        NANOARROW_RETURN_NOT_OK(ArrowArrayFinishElement(array));
    }
    return ArrowArrayFinishBuildingDefault(array, NULL);
}

static int write_rows(const struct ArrowSchema *schema, const struct ArrowArray *array,
                      struct ArrowArrayView *rows, struct ArrowIpcWriter *writer)
{
    NANOARROW_RETURN_NOT_OK(ArrowArrayViewInitFromSchema(rows, schema, NULL));
    NANOARROW_RETURN_NOT_OK(ArrowArrayViewSetArray(rows, array, NULL));
    NANOARROW_RETURN_NOT_OK(ArrowIpcWriterWriteSchema(writer, schema, NULL));
    NANOARROW_RETURN_NOT_OK(ArrowIpcWriterWriteArrayView(writer, rows, NULL));
    return ArrowIpcWriterWriteArrayView(writer, NULL, NULL); /* the end of the stream */
}

/* A stream of one table of three rows. */
static int write_stream(struct ArrowSchema *schema, struct ArrowArray *array,
                        struct ArrowBuffer *stream)
{
    struct ArrowIpcOutputStream output;
    struct ArrowIpcWriter writer;
    struct ArrowArrayView rows;
    NANOARROW_RETURN_NOT_OK(fill_schema(schema));
    NANOARROW_RETURN_NOT_OK(ArrowArrayInitFromSchema(array, schema, NULL));
    NANOARROW_RETURN_NOT_OK(fill_rows(array));
    NANOARROW_RETURN_NOT_OK(ArrowIpcOutputStreamInitBuffer(&output, stream));
    NANOARROW_RETURN_NOT_OK(ArrowIpcWriterInit(&writer, &output)); /* has `output` from now on */
    ArrowArrayViewInitFromType(&rows, NANOARROW_TYPE_UNINITIALIZED);
    int code = write_rows(schema, array, &rows, &writer);
    ArrowArrayViewReset(&rows);
    ArrowIpcWriterReset(&writer);
    return code;
}

static int put_table(brain_space *space)
{
    struct ArrowSchema schema = { .release = NULL };
    struct ArrowArray array = { .release = NULL };
    struct ArrowBuffer stream;
    ArrowBufferInit(&stream);
    int rc = BRAIN_E_NOMEM;
    if (write_stream(&schema, &array, &stream) == NANOARROW_OK) {
        brain_part part = { stream.data, (size_t)stream.size_bytes, 0 };
        brain_value value = { .kind = BRAIN_KIND_ARROW, .n_parts = 1, .parts = &part };
        rc = brain_put(space, "c:table", 7, &value, BRAIN_ANY_VERSION, NULL);
    }
    ArrowBufferReset(&stream);
    if (array.release != NULL) ArrowArrayRelease(&array);
    if (schema.release != NULL) ArrowSchemaRelease(&schema);
    return rc;
}

#else

static int print_table(const brain_view *view)
{
    const unsigned char *data = view->data;
    printf("table of %" PRIu64 " bytes, which it takes nanoarrow to read; they begin with",
           view->size_bytes);
    for (uint64_t i = 0; i < 8 && i < view->size_bytes; i++)
        printf(" %02x", data[i]);
    printf("\n");
    return 0;
}

static int put_table(brain_space *space)
{
    (void)space;
    printf("no c:table: it takes nanoarrow to write one\n");
    return 0;
}

#endif

/* ---- reading and writing --------------------------------------------------------------------- */

static int print_value(const brain_view *view)
{
    switch (view->kind) {
    case BRAIN_KIND_INT:
        return print_int(view);
    case BRAIN_KIND_FLOAT:
        return print_float(view);
    case BRAIN_KIND_STR:
        return print_text(view);
    case BRAIN_KIND_BYTES:
        printf("%" PRIu64 " bytes\n", view->size_bytes);
        return 0;
    case BRAIN_KIND_TENSOR:
        return print_tensor(view);
    case BRAIN_KIND_ARROW:
        return print_table(view);
    case BRAIN_KIND_TREE:
        return print_tree(view);
    default:
        printf("a value of kind %" PRIu32 ", which is not shown\n", view->kind);
        return 0;
    }
}

static int read_value(brain_space *space, const char *name)
{
    brain_view view;
    int rc = brain_get(space, name, strlen(name), &view);
    if (rc != 0) return rc;
    printf("%s: ", name);
    rc = print_value(&view);
    brain_view_drop(&view);
    return rc;
}

static int put(brain_space *space, const char *name, uint32_t kind, const void *data, size_t size)
{
    brain_part part = { data, size, 0 };
    brain_value value = { .kind = kind, .n_parts = 1, .parts = &part };
    return brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL);
}

/* Two rows of three numbers. */
static int put_tensor(brain_space *space)
{
    static const double elements[2][3] = { { 0, 1, 2 }, { 3, 4, 5 } };
    unsigned char meta[256];
    size_t meta_len;
    brain_tensor tensor = {
        .dtype = "<f8", .ndim = 2, .item_bytes = sizeof elements[0][0], .shape = { 2, 3 }
    };
    int rc = brain_tensor_encode(&tensor, meta, sizeof meta, &meta_len);
    if (rc != 0) return rc;
    brain_part part = { elements, sizeof elements, 0 };
    brain_value value = {
        .kind = BRAIN_KIND_TENSOR, .n_parts = 1, .parts = &part, .meta = meta, .meta_len = meta_len
    };
    return brain_put(space, "c:tensor", 8, &value, BRAIN_ANY_VERSION, NULL);
}

static int write_values(brain_space *space)
{
    const int64_t number = -5; /* little-endian in the store, and in this machine */
    const double real = 1.5;
    int rc = put(space, "c:int", BRAIN_KIND_INT, &number, sizeof number);
    if (rc == 0) rc = put(space, "c:float", BRAIN_KIND_FLOAT, &real, sizeof real);
    if (rc == 0) rc = put(space, "c:str", BRAIN_KIND_STR, "text of C", 9);
    if (rc == 0) rc = put_tensor(space);
    return rc == 0 ? put_table(space) : rc;
}

int main(int argc, char **argv)
{
    brain_store *store = NULL;
    brain_space *space = NULL;
    if (argc < 3 || (strcmp(argv[2], "read") != 0 && strcmp(argv[2], "write") != 0)) {
        fprintf(stderr, "usage: values PATH read NAME ... | values PATH write\n");
        return 2;
    }
    int rc = brain_open(argv[1], NULL, &store);
    if (rc == 0) rc = brain_space_open(store, "default", 7, &space);
    if (rc == 0 && strcmp(argv[2], "write") == 0) rc = write_values(space);
    const char *what = argv[1];
    for (int i = 3; i < argc && rc == 0; i++) {
        what = argv[i];
        rc = read_value(space, what);
    }
    if (rc != 0)
        fprintf(stderr, "values: %s: %s %s\n", what, brain_strerror(rc), brain_error_detail());
    brain_space_close(space);
    brain_close(store);
    return rc != 0;
}
