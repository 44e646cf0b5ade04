using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Deployments;
using Spectre.Console;

namespace EdgeAgent.Cli.Fleet;

/// <summary>Rollouts as people read them.</summary>
internal static class RolloutTable
{
    public static void Show(IAnsiConsole console, IReadOnlyList<RolloutStatus> rollouts)
    {
        if (rollouts.Count == 0)
            console.WriteLine("no rollouts; start one with 'edgectl rollout start'");
        foreach (var rollout in rollouts)
        {
            console.WriteLine($"{rollout.Id}  {rollout.Model}  {Words.Kebab(rollout.State)}{(rollout.Reason is null ? "" : $": {rollout.Reason}")}");
            foreach (var (profile, choice) in rollout.Choices.OrderBy(c => c.Key, StringComparer.Ordinal))
                console.WriteLine($"  {profile} gets {choice.Student} ({Units.Microseconds(choice.PredictedUs)} predicted): {choice.Reason}");
            var table = new Table().Border(TableBorder.Simple).AddColumns("wave", "share", "device", "profile", "state", "reason");
            for (var i = 0; i < rollout.Waves.Count; i++)
                foreach (var device in rollout.Waves[i].Devices)
                    table.AddRow(
                        Units.Text($"{i + 1} ({Words.Kebab(rollout.Waves[i].State)})"),
                        Units.Text($"{rollout.Waves[i].Share * 100:0.#} %"),
                        device.Device.Value,
                        Markup.Escape(device.Profile),
                        Words.Kebab(device.State),
                        Markup.Escape(device.Reason ?? ""));
            console.Write(table);
        }
    }
}
