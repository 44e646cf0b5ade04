using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Costs;
using Spectre.Console;

namespace EdgeAgent.Cli.Demo;

/// <summary>The demo's last page: teacher against students, and what each device got and measured.</summary>
internal static class DemoTable
{
    public static void Show(IAnsiConsole console, DemoDocument document, IReadOnlyList<(CostModel Before, CostModel After)> costs)
    {
        var family = new Table().Border(TableBorder.Simple).Title("the family");
        foreach (var column in (string[])["model", "for", "top-1", "95 %", "of teacher", "size (ONNX)", "smaller", "plan", "MACs", "predicted"])
            family.AddColumn(column);
        var teacher = document.Teacher;
        family.AddRow("teacher (float32)", "", Units.Percent(teacher.Top1), Markup.Escape(Units.Interval(teacher.Interval)), "", Units.Bytes(teacher.ModelBytes), "", "", "", $"{Units.Microseconds(teacher.P50Us)} measured");
        foreach (var s in document.Students)
            family.AddRow(
                Markup.Escape(s.Name), s.Profile, Units.Percent(s.Top1), Markup.Escape(Units.Interval(s.Interval)), Units.Percent(s.RelativeTop1), Units.Bytes(s.OnnxBytes),
                Units.Text($"{s.TimesSmaller:0.0} x"), Units.Bytes(s.PlanBytes), Units.Count(s.Macs), Units.Microseconds(s.PredictedUs));
        console.Write(family);
        console.WriteLine(Units.Text($"{teacher.Classes} classes, so chance is {100.0 / teacher.Classes:0.0} %; accuracy on images that training and choice never saw"));

        var devices = new Table().Border(TableBorder.Simple).Title("the devices");
        foreach (var column in (string[])["device", "profile", "kernels", "threads", "student", "p50", "p95", "energy", "state"])
            devices.AddColumn(column);
        foreach (var d in document.Devices)
            devices.AddRow(
                d.Id, d.Profile, d.KernelSet, Units.Text($"{d.Threads}"), Markup.Escape(d.Student ?? ""),
                d.P50Us is { } p50 ? Units.Microseconds(p50) + (d.Valid == false ? " (disturbed)" : "") : "",
                d.P95Us is { } p95 ? Units.Microseconds(p95) : "",
                d.EnergyMj is { } energy ? Units.Text($"{energy:0.000} mJ, {Words.Kebab(d.EnergySource!.Value)}") : "",
                Words.Kebab(d.State));
        console.Write(devices);
        foreach (var profile in document.Devices.GroupBy(d => d.Profile))
            if (profile.First() is { Reason: { } reason } device)
                console.WriteLine($"{profile.Key} got {device.Student}: {reason}");

        for (var i = 0; i < document.Rollout.Waves.Count; i++)
            console.WriteLine(Units.Text($"wave {i + 1}: {string.Join(", ", document.Rollout.Waves[i].Devices)}: {Words.Kebab(document.Rollout.Waves[i].State)}"));
        console.WriteLine($"rollout {Words.Kebab(document.Rollout.State)}{(document.Rollout.Reason is { } why ? $": {why}" : "")}");
        foreach (var (before, after) in costs)
            console.WriteLine(Units.Text($"the cost model of {after.Profile} ({after.KernelSet}, {after.Threads} thread{(after.Threads == 1 ? "" : "s")}) is now fitted to {after.Samples} measured model{(after.Samples == 1 ? "" : "s")}; 'edgectl compress --from-fleet' uses it"));
        console.WriteLine(Units.Text($"{document.Seconds:0} s"));
    }
}
