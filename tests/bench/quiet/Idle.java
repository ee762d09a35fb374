// The ways in which a Java program has nothing to do; ends with standard input.
import java.net.ServerSocket;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

class Idle {
    interface Way {
        void go() throws Exception;
    }

    static void start(Way way) {
        Thread thread = new Thread(() -> {
            try {
                way.go();
            } catch (Exception ended) {
                throw new IllegalStateException(ended);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    public static void main(String[] arguments) throws Exception {
        Object monitor = new Object();
        Object shared = new Object();
        ReentrantLock lock = new ReentrantLock(true);
        start(() -> { synchronized (monitor) { monitor.wait(); } });
        start(() -> new LinkedBlockingQueue<Integer>().take());
        start(() -> new CountDownLatch(1).await());
        start(() -> new Semaphore(0).acquire());
        start(LockSupport::park);
        start(() -> new ServerSocket(0).accept());
        for (int at = 0; at < 20; ++at) {
            start(() -> { for (;;) { synchronized (shared) { Thread.sleep(1); } Thread.sleep(1); } });
            start(() -> { for (;;) { lock.lock(); try { Thread.sleep(1); } finally { lock.unlock(); } Thread.sleep(1); } });
        }
        var pool = Executors.newFixedThreadPool(8);
        for (int at = 0; at < 8; ++at) pool.submit(() -> { });
        Executors.newScheduledThreadPool(2).scheduleAtFixedRate(() -> { }, 0, 100, TimeUnit.MILLISECONDS);
        System.out.println("ready");
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
