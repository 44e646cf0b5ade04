using EdgeAgent.Compression;
using Spectre.Console;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>A family as people compare it: the teacher first, then every student with what it gives up and what it saves.</summary>
internal static class FamilyTable
{
    public static void Show(IAnsiConsole console, FamilyReport report)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in (string[])["profile", "model", "top-1", "95 %", "of teacher", "size", "smaller", "plan", "MACs", "predicted", "int8 = simulation"])
            table.AddColumn(column);
        var teacher = report.Teacher;
        table.AddRow(
            "", "teacher", Units.Percent(teacher.Top1), Markup.Escape(Units.Interval(teacher.Interval)), "", Units.Bytes(teacher.ModelBytes), "", "",
            Units.Count(teacher.Macs), $"{Units.Microseconds(teacher.P50Us)} here", "");
        foreach (var s in report.Students)
            table.AddRow(
                Markup.Escape(s.Label is null ? s.Profile : $"{s.Profile} ({s.Label})"), Markup.Escape(s.Name), Units.Percent(s.Top1), Markup.Escape(Units.Interval(s.Interval)), Units.Percent(s.RelativeTop1),
                Units.Bytes(s.OnnxBytes), Units.Text($"{s.TimesSmaller:0.0} x"), Units.Bytes(s.PlanBytes), Units.Count(s.Macs), Units.Microseconds(s.PredictedUs), Units.Percent(s.Agreement));
        console.Write(table);
        foreach (var s in report.Students.Where(s => s.Reason.Length > 0))
            console.WriteLine($"{s.Name} for {s.Profile}: {s.Reason}");
        foreach (var choice in report.Choices)
            console.WriteLine($"{choice.Profile} gets {choice.Student}: {choice.Reason}");
        foreach (var rejected in report.Rejected)
            console.WriteLine($"not shipped: {rejected.Name} for {rejected.Profile}: {rejected.Reason}");
        var overhead = report.Overhead;
        console.WriteLine(Units.Text($"teacher {overhead.Teacher}: {(overhead.Ratio is { } ratio ? Units.Text($"a step with all students takes {ratio:0.00} times a training step of the teacher alone; ") : "")}the students have {overhead.MacShare * 100:0.0} % of its MACs and {overhead.ElementwiseShare * 100:0.0} % of its elementwise work"));
        console.WriteLine(Units.Text($"{Durations.Text(TimeSpan.FromSeconds(report.Seconds))}, peak memory {Units.Bytes(report.PeakBytes)}, {report.SkippedImages.Count} images skipped, written to {report.OutDir}, where family.html shows all of it"));
    }
}
