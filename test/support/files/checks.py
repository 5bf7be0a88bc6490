"""What programs do with files: `checks.py MOUNTED REAL`, two paths of one empty folder. Prints name and outcome as JSON lines."""

import errno, fcntl, hashlib, json, mmap, os, random, sqlite3, stat, sys, threading

mounted, real = sys.argv[1], sys.argv[2]
checks = []


def check(name):
    return lambda function: checks.append((name, function)) or function


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def fails(function, code):
    try:
        function()
    except OSError as error:
        assert error.errno == code, errno.errorcode.get(error.errno)
    else:
        raise AssertionError("no error")


m = lambda name: os.path.join(mounted, name)
r = lambda name: os.path.join(real, name)


@check("create and write")
def _():
    write(m("a"), b"hello\n")
    assert read(r("a")) == b"hello\n"


@check("read back")
def _():
    assert read(m("a")) == b"hello\n"


@check("append")
def _():
    with open(m("a"), "ab") as file:
        file.write(b"more\n")
    assert read(r("a")) == b"hello\nmore\n"


@check("append goes behind what another writer appended")
def _():
    with open(m("log"), "ab", 0) as one:
        one.write(b"1")
        os.fsync(one.fileno())
        with open(r("log"), "ab") as other:
            other.write(b"2")
        one.write(b"3")
    assert read(r("log")) == b"123", read(r("log"))


@check("exclusive creation")
def _():
    fails(lambda: os.open(m("a"), os.O_CREAT | os.O_EXCL | os.O_WRONLY), errno.EEXIST)


@check("size")
def _():
    assert os.stat(m("a")).st_size == 11


@check("owner and links")
def _():
    one, other = os.stat(m("a")), os.stat(r("a"))
    assert (one.st_uid, one.st_gid) == (other.st_uid, other.st_gid)


@check("chmod")
def _():
    os.chmod(m("a"), 0o640)
    assert stat.S_IMODE(os.stat(r("a")).st_mode) == 0o640


@check("mode of a new file is the creator's")
def _():
    before = os.umask(0)
    try:
        os.close(os.open(m("open"), os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir(m("shared"), 0o777)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(r(name)).st_mode) for name in ("open", "shared")]
    assert modes == [0o666, 0o777], [oct(mode) for mode in modes]


@check("utime")
def _():
    os.utime(m("a"), (1e9, 1.1e9))
    assert os.stat(r("a")).st_mtime == 1.1e9


@check("relative symlink")
def _():
    os.symlink("a", m("link"))
    assert os.readlink(r("link")) == "a" and os.readlink(m("link")) == "a"
    assert read(m("link")) == read(m("a"))


@check("absolute symlink reads as its target")
def _():
    os.symlink(os.path.abspath(r("a")), r("absolute"))
    assert read(m("absolute")) == read(r("a"))


@check("symlink by .. reads as its target")
def _():
    os.mkdir(r("below"))
    os.symlink("../a", r("below/up"))
    assert read(m("below/up")) == read(r("a"))


@check("a Kubernetes volume")
def _():
    os.mkdir(r("..2026"))
    write(r("..2026/token"), b"T")
    os.symlink("..2026", r("..data"))
    os.symlink("..data/token", r("token"))
    assert read(m("token")) == b"T" and os.readlink(m("..data")) == "..2026"


@check("a Kubernetes volume with absolute ..data")
def _():
    os.mkdir(r("volume"))
    os.mkdir(r("volume/..2026"))
    write(r("volume/..2026/token"), b"T")
    os.symlink(os.path.abspath(r("volume/..2026")), r("volume/..data"))
    os.symlink("..data/token", r("volume/token"))
    assert read(m("volume/token")) == b"T"


@check("dangling symlink")
def _():
    os.symlink("nowhere", m("dangling"))
    assert stat.S_ISLNK(os.lstat(m("dangling")).st_mode)


@check("rename")
def _():
    os.rename(m("a"), m("b"))
    assert os.path.exists(r("b")) and not os.path.exists(r("a"))


@check("rename over a file")
def _():
    write(m("c"), b"C")
    os.rename(m("c"), m("b"))
    assert read(r("b")) == b"C"


@check("rename a folder")
def _():
    os.mkdir(m("d1"))
    os.rename(m("d1"), m("d2"))
    assert os.path.isdir(r("d2"))


@check("hard link")
def _():
    os.link(m("b"), m("hard"))
    assert os.stat(r("hard")).st_nlink == 2


@check("truncate")
def _():
    os.truncate(m("b"), 0)
    assert os.stat(r("b")).st_size == 0


@check("truncate an open file")
def _():
    with open(m("cut"), "w+b") as file:
        file.write(b"x" * 100_000)
        file.flush()
        file.truncate(5_000)
        file.seek(4_000)
        assert len(file.read()) == 1_000
    assert os.stat(r("cut")).st_size == 5_000


@check("statvfs")
def _():
    one, other = os.statvfs(mounted), os.statvfs(real)
    assert (one.f_blocks, one.f_files) == (other.f_blocks, other.f_files)


@check("fsync")
def _():
    fd = os.open(m("synced"), os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"1")
    os.fsync(fd)
    os.close(fd)


@check("64 MiB written and read")
def _():
    block, sum = os.urandom(1 << 20), hashlib.sha1()
    with open(m("big"), "wb") as file:
        for shift in range(64):
            part = block[shift:] + block[:shift]
            file.write(part)
            sum.update(part)
    assert hashlib.sha1(read(r("big"))).digest() == sum.digest()
    assert hashlib.sha1(read(m("big"))).digest() == sum.digest()


@check("random reads")
def _():
    all = read(r("big"))
    with open(m("big"), "rb") as file:
        for _ in range(200):
            at, count = random.randrange(len(all)), random.randrange(200_000)
            file.seek(at)
            assert file.read(count) == all[at : at + count]


@check("a sparse file of 5 GB, far behind its start")
def _():
    with open(m("sparse"), "w+b") as file:
        file.seek(5_000_000_000)
        file.write(b"end")
        file.seek(4_999_999_999)
        assert file.read() == b"\0end"


@check("many small files at once")
def _():
    bad = []

    def work(i):
        for j in range(30):
            path, data = m("p%d_%d" % (i, j)), bytes([i]) * (j * 997 + 1)
            write(path, data)
            if read(path) != data:
                bad.append(path)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not bad
    assert len([name for name in os.listdir(m("")) if name.startswith("p")]) == 240


@check("a folder of 1,000 names")
def _():
    os.mkdir(r("many"))
    names = ["%04d" % i for i in range(1_000)]
    for name in names:
        write(r("many/" + name), b"")
    assert sorted(os.listdir(m("many"))) == names


@check("a name in UTF-8")
def _():
    write(m("ä☃"), b"u")
    assert os.path.exists(r("ä☃"))


@check("a name that is no UTF-8")
def _():
    write(os.fsencode(mounted) + b"/\xff\xfe", b"u")
    assert b"\xff\xfe" in os.listdir(os.fsencode(real)) and b"\xff\xfe" in os.listdir(os.fsencode(mounted))


@check("a name of 255 bytes")
def _():
    write(m("n" * 255), b"x")


@check("a name of 256 bytes is refused")
def _():
    # Version 3 has no word for ENAMETOOLONG.
    fails(lambda: write(m("n" * 256), b"x"), errno.EPERM)


@check("open what is missing")
def _():
    fails(lambda: read(m("missing")), errno.ENOENT)


@check("mkdir over a folder")
def _():
    fails(lambda: os.mkdir(m("d2")), errno.EEXIST)


@check("rmdir of a full folder")
def _():
    write(m("d2/x"), b"")
    fails(lambda: os.rmdir(m("d2")), errno.ENOTEMPTY)


@check("open a folder for writing")
def _():
    fails(lambda: write(m("d2"), b""), errno.EISDIR)


@check("unlink and rmdir")
def _():
    os.unlink(m("d2/x"))
    os.rmdir(m("d2"))
    assert not os.path.exists(r("d2"))


@check("read an open file after its unlink")
def _():
    with open(m("gone"), "w+b") as file:
        file.write(b"q" * 10)
        file.flush()
        os.unlink(m("gone"))
        file.seek(0)
        assert file.read() == b"q" * 10


@check("mmap for reading")
def _():
    with open(m("big"), "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        assert view[:100] == read(r("big"))[:100]


@check("mmap for writing")
def _():
    write(m("mapped"), b"\0" * 8_192)
    with open(m("mapped"), "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0:3] = b"abc"
        view.flush()
    assert read(r("mapped"))[:3] == b"abc"


@check("SQLite")
def _():
    base = sqlite3.connect(m("base.sqlite"))
    base.execute("create table t(a)")
    base.execute("insert into t values(1)")
    base.commit()
    assert base.execute("select a from t").fetchall() == [(1,)]
    base.close()


@check("flock")
def _():
    with open(m("b")) as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@check("a FIFO is refused and does not hang the rest")
def _():
    os.mkfifo(r("fifo"))
    assert stat.S_ISFIFO(os.stat(m("fifo")).st_mode)
    assert os.path.exists(m("b"))


@check("extended attributes are not supported")
def _():
    fails(lambda: os.setxattr(m("b"), "user.x", b"1"), errno.ENOTSUP)


for name, function in checks:
    try:
        function()
        outcome = "ok"
    except BaseException as error:
        outcome = repr(error)
    print(json.dumps([name, outcome]), flush=True)
