// Echo with libuv: `echo_libuv PORT`. A write is tried at once, and queued only if the socket is full.
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct client {
  uv_tcp_t socket;
  char buffer[4096];
};

struct pending_write {
  uv_write_t request;
  char data[];
};

static void on_closed(uv_handle_t* handle) { free(handle); }

static void on_written(uv_write_t* request, int status) {
  if (status < 0 && !uv_is_closing((uv_handle_t*)request->handle)) uv_close((uv_handle_t*)request->handle, on_closed);
  free(request);
}

static void give_buffer(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer) {
  (void)suggested;
  struct client* client = (struct client*)handle;
  *buffer = uv_buf_init(client->buffer, sizeof client->buffer);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  if (size < 0) {
    if (!uv_is_closing((uv_handle_t*)stream)) uv_close((uv_handle_t*)stream, on_closed);
    return;
  }
  uv_buf_t data = uv_buf_init(buffer->base, (unsigned)size);
  int written = uv_try_write(stream, &data, 1);
  if (written == size) return;
  if (written < 0) written = 0;
  const size_t left = (size_t)size - (size_t)written;
  struct pending_write* rest = malloc(sizeof *rest + left);
  memcpy(rest->data, buffer->base + written, left);
  data = uv_buf_init(rest->data, (unsigned)left);
  uv_write(&rest->request, stream, &data, 1, on_written);
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  struct client* client = malloc(sizeof *client);
  uv_tcp_init(listener->loop, &client->socket);
  if (uv_accept(listener, (uv_stream_t*)&client->socket) != 0) {
    uv_close((uv_handle_t*)&client->socket, on_closed);
    return;
  }
  uv_tcp_nodelay(&client->socket, 1);
  uv_read_start((uv_stream_t*)&client->socket, give_buffer, on_read);
}

int main(int argc, char** argv) {
  (void)argc;
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in where;
  uv_tcp_init(loop, &listener);
  uv_ip4_addr("127.0.0.1", atoi(argv[1]), &where);
  if (uv_tcp_bind(&listener, (const struct sockaddr*)&where, 0) != 0) return 1;
  if (uv_listen((uv_stream_t*)&listener, 4096, on_connection) != 0) return 1;
  return uv_run(loop, UV_RUN_DEFAULT);
}
