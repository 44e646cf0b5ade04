using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Roofline;
using Spectre.Console;

namespace EdgeAgent.Cli.Measuring;

/// <summary>What one core of this machine can do at most.</summary>
internal static class RooflineBenchmark
{
    public static RooflineDocument Run()
    {
        var disturbance = new Disturbance();
        var roofline = CoreRoofline.Measure(KernelSet.Default);
        var reasons = disturbance.Reasons();
        return new RooflineDocument(
            CliJson.Schema, roofline.KernelSet, roofline.Int8GigaMacs, roofline.Float32GigaMacs,
            [.. roofline.Reads.Select(r => new ReadRateDocument(r.Bytes, r.GigabytesPerSecond))],
            roofline.CopyGigabytesPerSecond, roofline.FillGigabytesPerSecond, reasons.Count == 0, reasons);
    }

    public static void Show(IAnsiConsole console, RooflineDocument document)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("one core").AddColumn(new TableColumn("at most").RightAligned());
        table.AddRow($"int8 ({document.KernelSet})", Units.Text($"{document.Int8GigaMacs:0.0} GMAC/s"));
        table.AddRow("float32", Units.Text($"{document.Float32GigaMacs:0.0} GMAC/s"));
        foreach (var (bytes, rate) in document.Reads)
            table.AddRow(Units.Text($"read {bytes >> 10} KiB"), Rate(rate));
        table.AddRow("copy in memory", Rate(document.CopyGBps));
        table.AddRow("fill memory", Rate(document.FillGBps));
        console.Write(table);
        foreach (var reason in document.Reasons)
            console.WriteLine($"not valid: {reason}");
    }

    private static string Rate(double gigabytesPerSecond) => Units.Text($"{gigabytesPerSecond:0.0} GB/s");
}
