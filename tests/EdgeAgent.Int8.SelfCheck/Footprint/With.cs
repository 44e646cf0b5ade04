using EdgeAgent.Int8.SelfCheck;

// Nothing but a plan's way to its results.
PlanRun.Print(args[0], int.Parse(args[1]));
