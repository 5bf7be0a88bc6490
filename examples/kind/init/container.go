package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// becomeNode runs as PID 1 of the new namespaces and returns only on failure.
func becomeNode(n *node) error {
	result := os.NewFile(fdResult, "result")
	syscall.CloseOnExec(fdGo)
	syscall.CloseOnExec(fdResult)
	err := setUp(n)
	if err != nil {
		fmt.Fprint(result, err)
		result.Close()
		return err
	}
	if n.Listen != "" {
		listener, err := inheritListener()
		if err != nil {
			fmt.Fprint(result, err)
			return err
		}
		go forward(listener, n.Target)
	}
	supervisor := newSupervisor(n)
	fmt.Fprint(result, "ok")
	result.Close()
	supervisor.run()
	return nil
}

func setUp(n *node) error {
	wait := os.NewFile(fdGo, "go")
	if count, _ := wait.Read(make([]byte, 1)); count != 1 {
		return errors.New("the host's side gave up")
	}
	wait.Close()
	if err := syscall.Sethostname([]byte(n.Hostname)); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	if err := makeRoot(n); err != nil {
		return err
	}
	if n.Unified {
		if err := leaveGroupRoot(); err != nil {
			return err
		}
	}
	for _, argv := range n.Setup {
		cmd := exec.Command(argv[0], argv[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}

var mountFlags = map[string]uintptr{
	"bind":     syscall.MS_BIND,
	"rbind":    syscall.MS_BIND | syscall.MS_REC,
	"readonly": syscall.MS_RDONLY,
	"nosuid":   syscall.MS_NOSUID,
	"nodev":    syscall.MS_NODEV,
	"noexec":   syscall.MS_NOEXEC,
}

// makeRoot builds the node's file system on a tmpfs and pivots into it. The host's mounts are left behind, and none
// made here reaches the host: all of them end with the last process of the mount namespace.
func makeRoot(n *node) error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := syscall.Mount("tmpfs", n.Root, "tmpfs", syscall.MS_NODEV, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("mount the root at %s: %w", n.Root, err)
	}
	for _, m := range n.Mounts {
		if err := makeMount(n.Root, m); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
	}
	for path, to := range n.Symlinks {
		path = filepath.Join(n.Root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(to, path); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return enterRoot(n.Root)
}

func makeMount(root string, m mount) error {
	target := filepath.Join(root, m.Target)
	if err := makeTarget(m, target); err != nil {
		return err
	}
	var flags uintptr
	for _, name := range m.Flags {
		flag, known := mountFlags[name]
		if !known {
			return fmt.Errorf("unknown flag %q", name)
		}
		flags |= flag
	}
	if err := syscall.Mount(m.Source, target, m.Type, flags, m.Data); err != nil {
		return err
	}
	// A bind mount ignores every other flag when it is made: mount(2).
	if flags&syscall.MS_BIND != 0 && flags&^(syscall.MS_BIND|syscall.MS_REC) != 0 {
		return syscall.Mount("", target, "", syscall.MS_REMOUNT|flags&^syscall.MS_REC, "")
	}
	return nil
}

func makeTarget(m mount, target string) error {
	info, err := os.Stat(m.Source)
	if m.Type == "" && err == nil && !info.IsDir() {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
		if err != nil {
			return err
		}
		return file.Close()
	}
	return os.MkdirAll(target, 0o755)
}

func enterRoot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	// With both paths the same the old root is stacked on the new one, and "." is it: pivot_root(2).
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	// Kubernetes' mount propagation needs a shared root.
	return syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, "")
}

// leaveGroupRoot moves PID 1 into a leaf and hands the controllers down.
func leaveGroupRoot() error {
	const root = "/sys/fs/cgroup"
	leaf := filepath.Join(root, "init")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+name), 0); err != nil {
			return fmt.Errorf("hand down the controller %s: %w", name, err)
		}
	}
	return nil
}
