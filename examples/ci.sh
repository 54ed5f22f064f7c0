#!/bin/sh
# What a pipeline does with a configuration that is kept in a repository: check it, compare it with the server's,
# bring it there if it differs, and run a task by it.
#
#   MUSTER_TOKEN=… examples/ci.sh SERVER TENANT DATASET TASK
#
# Ends as the run does: 0 done, 3 some entries failed, 4 the plan waits for a decision; 1 when anything is wrong.
set -u
if [ $# -ne 4 ]; then
    echo "usage: MUSTER_TOKEN=… $0 SERVER TENANT DATASET TASK" >&2
    exit 2
fi
server=$1 tenant=$2 dataset=$3 task=$4

# Every problem as file:line:column, without the server.
muster dataset validate "$dataset" || exit 1

# 0: nothing to do, 3: they differ, else: something is wrong.
muster dataset diff "$dataset" --server "$server" --tenant "$tenant"
case $? in
0) ;;
3) muster dataset import "$dataset" --mode replace --server "$server" --tenant "$tenant" || exit 1 ;;
*) exit 1 ;;
esac

muster run sync "$task" --server "$server" --tenant "$tenant"
status=$?
case $status in
0) echo "done" ;;
3) echo "done, but some entries failed" ;;
4) echo "the plan is held: somebody has to approve or reject it" ;;
*) exit 1 ;;
esac
exit $status
