package importcji;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Serves texts on a free port of 127.0.0.1. */
final class WebServer implements AutoCloseable {
    /** Runs before a file is sent. */
    interface Pause {
        void run() throws InterruptedException;
    }

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer server;

    WebServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.setExecutor(threads);
        server.start();
    }

    /** Serves a text at a path, and gives its URL. */
    String serve(String path, String text) {
        return serve(path, text, () -> { });
    }

    String serve(String path, String text, Pause pause) {
        return serve(path, text.getBytes(StandardCharsets.UTF_8), pause);
    }

    String serve(String path, byte[] body, Pause pause) {
        server.createContext(path, exchange -> {
            try {
                pause.run();
                exchange.getResponseHeaders().add("Content-Type", "text/csv");
                exchange.sendResponseHeaders(200, body.length);
                exchange.getResponseBody().write(body);
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            } finally {
                exchange.close();
            }
        });
        return "http://127.0.0.1:" + server.getAddress().getPort() + path;
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
