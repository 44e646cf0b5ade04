using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.Roofline;
using Spectre.Console;

namespace EdgeAgent.Cli.Measuring;

/// <summary>Where a plan's time goes: every operator by itself, on one thread, against the peak of this core.</summary>
internal static class OperatorBenchmark
{
    private const int MinRuns = 11, MaxRuns = 2001;

    public static OperatorsDocument Run(string path, TimeSpan budget)
    {
        if (!Classifiers.IsPlan(path))
            throw new CommandException($"{path} is not a plan of the int8 engine, whose operators --per-op times; use the model.plan of a student");
        using var plan = PlanModel.Load(path);
        using var executor = new PlanExecutor(plan);
        // The latency does not depend on the values.
        var input = new float[executor.InputShape.Count];
        var random = new Random(1);
        for (var i = 0; i < input.Length; i++)
            input[i] = random.Next(256);
        var disturbance = new Disturbance();
        var peak = CoreRoofline.PeakInt8(executor.Kernels);
        // A first profile warms caches and clocks, and tells how many runs fit the budget.
        var onceUs = executor.Profile(input, MinRuns).Sum(t => t.Us);
        var runs = (int)Math.Clamp(budget.TotalMicroseconds / onceUs, MinRuns, MaxRuns);
        var timings = executor.Profile(input, runs);
        var reasons = disturbance.Reasons();
        return new OperatorsDocument(
            CliJson.Schema, executor.Kernels.Name, runs, peak, timings.Sum(t => t.Us), plan.Macs, executor.ArenaBytes, executor.LargestLiveSetBytes,
            [.. timings.Select(t => Row(t, peak))], reasons.Count == 0, reasons);
    }

    public static void Show(IAnsiConsole console, OperatorsDocument document)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("operator").AddColumn("input").AddColumn("output").AddColumn("kernel");
        foreach (var column in (string[])["time", "share", "MACs", "GMAC/s", "of peak", "bytes", "GB/s"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var op in document.Operators)
            table.AddRow(
                op.Type, string.Join(", ", op.Inputs.Select(Units.Shape)), Units.Shape(op.Output), op.Kernel ?? "",
                Units.Text($"{op.P50Us:0.00} us"), Units.Text($"{op.P50Us / document.TotalUs * 100:0.0} %"), Units.Count(op.Macs),
                op.Macs > 0 ? Units.Text($"{op.GigaMacsPerSecond:0.0}") : "", op.Macs > 0 ? Units.Text($"{op.ShareOfPeak * 100:0} %") : "",
                Units.Bytes(op.WeightBytes + op.ActivationBytes), Units.Text($"{op.GBps:0.0}"));
        console.Write(table);
        console.WriteLine(Units.Text(
            $"{document.TotalUs:0.0} us for {Units.Count(document.Macs)} MACs, {document.Macs / document.TotalUs / 1000 / document.PeakGigaMacs * 100:0} % of this core's {document.PeakGigaMacs:0} GMAC/s ({document.KernelSet}, one thread, median of {document.Runs} runs)"));
        console.WriteLine($"arena {Units.Bytes(document.ArenaBytes)}, at least {Units.Bytes(document.LargestLiveSetBytes)} are alive at one time");
        foreach (var reason in document.Reasons)
            console.WriteLine($"not valid: {reason}");
    }

    private static OperatorDocument Row(OperatorTiming timing, double peak)
    {
        var op = timing.Operator;
        var bytes = op.WeightBytes + op.ActivationBytes;
        return new OperatorDocument(
            op.Name, op.Type, [.. op.Inputs.Select(Shape)], Shape(op.Output), Kernel(op), timing.Us, op.Macs, timing.GigaMacsPerSecond, timing.GigaMacsPerSecond / peak,
            op.WeightBytes, op.ActivationBytes, timing.Us > 0 ? bytes / timing.Us / 1000 : 0);
    }

    private static int[] Shape(PlanShape shape) => [shape.Height, shape.Width, shape.Channels];

    private static string? Kernel(OperatorSummary op) => op.Window is { } w && op.Type != "Dense"
        ? Units.Text($"{w.KernelHeight}x{w.KernelWidth}/{w.StrideY}") + (op.Groups > 1 && op.Type == "Conv" ? Units.Text($", {op.Groups} groups") : "")
        : null;
}
