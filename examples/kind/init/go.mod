// PID 1 of a lab's node. It has no dependency, so that it is small, starts at once and is rebuilt in a second.
module swap.dev/lab-init

go 1.25.0
