import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * Part of tests/services: a server that speaks MongoDB's protocol and keeps everything in memory. It has what FerretDB
 * lacks: updates in one step, an error for each write of a batch, and change streams.
 *
 * <p>MongoJava PORT: serves on loopback until it is killed.
 */
public final class MongoJava {
    /** What it says that it is: today's clients talk to nothing older. */
    private static final class Version implements MongoVersion {
        @Override
        public int getWireVersion() {
            return 9;
        }

        @Override
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0);
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        MemoryBackend backend = new MemoryBackend();
        backend.version(new Version());
        // Change streams are read from it.
        backend.enableOplog();
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
        Thread.currentThread().join();
    }
}
