using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.SelfCheck;

// int8-selfcheck [CASES [FIRST_SEED]]: exit code 0 if every kernel set supported here equals the reference.
// int8-selfcheck run PLAN RUNS: loads a plan and runs it, for measurements from outside of the process.
if (args is ["run", var plan, var runs])
{
    PlanRun.Print(plan, int.Parse(runs));
    return 0;
}
var cases = args.Length > 0 ? int.Parse(args[0]) : 1000;
var firstSeed = args.Length > 1 ? int.Parse(args[1]) : 1;
Console.WriteLine($"best {KernelSet.Best.Name}");
var failed = false;
foreach (var kernels in KernelSet.All.Where(k => k.IsSupported && k.Name != "scalar"))
{
    var difference = KernelComparison.FirstDifference(kernels, firstSeed, cases);
    Console.WriteLine(difference ?? $"{kernels.Name} {cases} cases equal");
    failed |= difference is not null;
}
return failed ? 1 : 0;
