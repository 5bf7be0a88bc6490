// Command node-init makes one node of a lab and is its PID 1. It decides nothing: a JSON file, written by `swap lab up`,
// says which mounts, commands and components there are.
//
// It is not part of the cube, although it could be: the package initialisers of Kubernetes cost every process of that
// binary some 20 MB and 30 ms, and PID 1 lives as long as the lab.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: node-init NODE.json")
		os.Exit(2)
	}
	node, err := readNode(os.Args[1])
	if err == nil {
		if os.Getenv(stageVariable) == "" {
			err = launch(node, os.Args[1])
		} else {
			err = becomeNode(node)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node-init:", err)
		os.Exit(1)
	}
}

// node is the whole of what there is to know; cli/lab/node-plan.ts writes it.
type node struct {
	Hostname string `json:"hostname"`
	// Cgroups are existing folders, one a hierarchy, that become the roots of the node's cgroup namespace.
	Cgroups []string `json:"cgroups"`
	// Unified says that the node's /sys/fs/cgroup is cgroup v2, where a group with children may hold no process.
	Unified bool `json:"unified"`
	// Listen is an address of the host whose connections go to Target in the node; empty for none.
	Listen string `json:"listen"`
	Target string `json:"target"`
	// Root is an empty folder of the host, on which a tmpfs becomes the node's root.
	Root     string            `json:"root"`
	Mounts   []mount           `json:"mounts"`
	Symlinks map[string]string `json:"symlinks"`
	// Attach are commands run in the host's namespaces when the node's exist; {pid} is the node's PID 1.
	Attach [][]string `json:"attach"`
	// Setup are commands run in the node before any component.
	Setup      [][]string  `json:"setup"`
	Status     string      `json:"status"`
	Components []component `json:"components"`
}

type mount struct {
	Source string   `json:"source"`
	Target string   `json:"target"`
	Type   string   `json:"type"`
	Flags  []string `json:"flags"`
	Data   string   `json:"data"`
}

type component struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	Env  []string `json:"env"`
	Log  string   `json:"log"`
	// Wait is what must answer before the component starts: tcp:HOST:PORT, unix:PATH or https://…; empty for nothing.
	Wait string `json:"wait"`
}

func readNode(path string) (*node, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var n node
	if err := json.Unmarshal(data, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &n, nil
}
