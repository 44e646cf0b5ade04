using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Demo;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Deployments;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl demo</c>: the whole loop once, on this machine, with real processes and connections.</summary>
internal static class DemoCommand
{
    public static Command Create(Terminal terminal)
    {
        var keep = new Option<bool>("--keep") { Description = "Leave controller and agents running until Ctrl-C, and the files on disk" };
        var target = new Option<string?>("--out") { Description = "Folder for everything (default: a temporary one, removed at the end)" };
        var quick = new Option<bool>("--quick") { Description = "Train for seconds only: everything happens, but the accuracies are near chance" };
        var command = new Command("demo", "Show everything on this machine: data, teacher, family, controller, agents, rollout, reports") { keep, target, quick };
        command.SetAction(async (parsed, cancellation) =>
        {
            var given = parsed.GetValue(target);
            if (given is not null && Directory.Exists(given) && Directory.EnumerateFileSystemEntries(given).Any())
                throw new CommandException($"{given} is not empty; choose another folder with --out");
            var folder = Path.GetFullPath(given ?? Directory.CreateTempSubdirectory("edgectl-demo-").FullName);
            var remove = given is null && !parsed.GetValue(keep);
            try
            {
                return await RunAsync(terminal, new DemoSteps(terminal, folder, parsed.GetValue(quick)), parsed.GetValue(keep), cancellation);
            }
            catch (CommandException) when (remove)
            {
                // The message may name a log in there.
                remove = false;
                throw;
            }
            finally
            {
                if (remove)
                    Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, DemoSteps steps, bool keep, CancellationToken cancellation)
    {
        steps.DrawImages(cancellation);
        steps.TrainTeacher(cancellation);
        var family = steps.MakeFamily(cancellation);
        var (packages, publicKey) = steps.SignPackages(family);
        await using var fleet = await steps.StartFleetAsync(packages, publicKey, cancellation);
        var rollout = await steps.RollOutAsync(fleet, family, cancellation);
        var document = await steps.CollectAsync(fleet, family, rollout, cancellation);
        var costs = await steps.CostsAsync(fleet, cancellation);
        terminal.Result(document, DemoJson.Default.DemoDocument, console => DemoTable.Show(console, document, costs));
        if (keep)
            await KeepAsync(terminal, fleet, steps.Folder, cancellation);
        return rollout.State == RolloutState.Completed ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task KeepAsync(Terminal terminal, DemoFleet fleet, string folder, CancellationToken cancellation)
    {
        terminal.Note($"""

            still running; in another terminal:
              export {ControllerOptions.AddressVariable}={fleet.Address} {ControllerOptions.TokenFileVariable}={fleet.TokenFile}
              edgectl devices list
              edgectl package list
              edgectl rollout status
              edgectl reports
            files are in {folder}; Ctrl-C ends controller and agents
            """);
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
        }
        catch (OperationCanceledException)
        {
            // This is how it is meant to end.
        }
    }
}
