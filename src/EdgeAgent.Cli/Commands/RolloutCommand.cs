using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl rollout start|status|pause|resume|abort</c>.</summary>
internal static class RolloutCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public static Command Create(Terminal terminal) => new("rollout", "Bring a model's family to devices in waves")
    {
        Start(terminal),
        Status(terminal),
        Act(terminal, "pause", "Stop before the next device"),
        Act(terminal, "resume", "Go on after a pause or a halt"),
        Act(terminal, "abort", "End it; devices keep what they run"),
    };

    private static Command Start(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var model = new Option<string>("--model") { Description = "Name of the model whose packages are rolled out", Required = true };
        var waves = new Option<double[]>("--waves") { Description = "Cumulative shares of each profile's devices, the last is 1", DefaultValueFactory = _ => [0.1, 1], AllowMultipleArgumentsPerToken = true }
            .Accept(Rise, "--waves must rise from above 0 to 1, for example: --waves 0.1 0.5 1");
        var devices = new Option<string[]>("--device") { Description = "A device of the cohort; may be repeated (default: all)", DefaultValueFactory = _ => [] };
        var picks = new Option<string[]>("--pick") { Description = "PROFILE=DIGEST: a package of your own choice for a profile; may be repeated", DefaultValueFactory = _ => [] };
        var failures = new Option<double>("--max-failures") { Description = "Share of a wave's devices that may roll back before it halts", DefaultValueFactory = _ => 0 }
            .Accept(share => share is >= 0 and < 1, "--max-failures must be at least 0 and below 1.");
        var budgets = new BudgetOptions();
        var command = new Command("start", "Start a rollout") { model, waves, devices, picks, failures };
        budgets.AddTo(command);
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var request = new RolloutRequest
            {
                Model = parsed.GetValue(model)!,
                Waves = parsed.GetValue(waves)!,
                Devices = [.. parsed.GetValue(devices)!.Select(Device)],
                Picks = parsed.GetValue(picks)!.Select(Pick).ToDictionary(p => p.Profile, p => p.Digest, StringComparer.Ordinal),
                MaxFailureShare = parsed.GetValue(failures),
                Budgets = budgets.Read(parsed),
            };
            using var fleet = controller.Connect(parsed);
            Result(terminal, [await fleet.StartRolloutAsync(request, cancellation)]);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Status(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var id = new Argument<string?>("ID") { Description = "The rollout (default: all)", Arity = ArgumentArity.ZeroOrOne };
        var watch = new Option<bool>("--watch") { Description = "Wait until it ends; exit code 1 unless it completes" };
        var command = new Command("status", "Show rollouts, what each profile gets and why, and how far they are") { id, watch };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            if (parsed.GetValue(id) is not { } one)
            {
                if (parsed.GetValue(watch))
                    throw new WrongUsageException("--watch needs the ID of a rollout");
                Result(terminal, await fleet.RolloutsAsync(cancellation));
                return ExitCodes.Done;
            }
            var status = await fleet.RolloutAsync(one, cancellation);
            if (parsed.GetValue(watch))
                status = await WatchAsync(fleet, status, line => terminal.Note(line), cancellation);
            Result(terminal, [status]);
            return parsed.GetValue(watch) && status.State != RolloutState.Completed ? ExitCodes.Failed : ExitCodes.Done;
        });
        return command;
    }

    private static Command Act(Terminal terminal, string action, string description)
    {
        var controller = new ControllerOptions();
        var id = new Argument<string>("ID") { Description = "The rollout" };
        var command = new Command(action, description) { id };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            Result(terminal, [await fleet.ActOnRolloutAsync(parsed.GetValue(id)!, action, cancellation)]);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Follows a rollout until it needs nobody's attention or somebody's.</summary>
    /// <param name="note">Is told every step of every device.</param>
    public static async Task<RolloutStatus> WatchAsync(FleetClient fleet, RolloutStatus status, Action<string> note, CancellationToken cancellation)
    {
        var last = new Dictionary<DeviceId, DeploymentState>();
        while (true)
        {
            foreach (var (wave, number) in status.Waves.Select((wave, i) => (wave, i + 1)))
                foreach (var device in wave.Devices)
                    if (!last.TryGetValue(device.Device, out var known) ? device.State != DeploymentState.Idle : known != device.State)
                    {
                        last[device.Device] = device.State;
                        note(Units.Text($"wave {number}  {device.Device}  {Words.Kebab(device.State)}{(device.Reason is null ? "" : $": {device.Reason}")}"));
                    }
            if (status.State is RolloutState.Completed or RolloutState.Aborted or RolloutState.Halted)
                return status;
            await Task.Delay(WatchInterval, TimeProvider.System, cancellation);
            status = await fleet.RolloutAsync(status.Id, cancellation);
        }
    }

    private static void Result(Terminal terminal, IReadOnlyList<RolloutStatus> rollouts) =>
        terminal.Result(new RolloutsDocument(CliJson.Schema, rollouts), FleetDocumentsJson.Default.RolloutsDocument, console => RolloutTable.Show(console, rollouts));

    private static bool Rise(double[] shares) =>
        shares.Length > 0 && shares[0] > 0 && shares[^1] == 1 && shares.Zip(shares.Skip(1)).All(pair => pair.First < pair.Second);

    private static DeviceId Device(string text) => DeviceId.TryParse(text, out var id)
        ? id
        : throw new WrongUsageException($"--device '{text}' is not a device id; see 'edgectl devices list'");

    private static (string Profile, Sha256Digest Digest) Pick(string text) =>
        text.Split('=', 2) is [{ Length: > 0 } profile, var digest] && Sha256Digest.TryParse(digest, out var parsed)
            ? (profile, parsed)
            : throw new WrongUsageException($"--pick '{text}' is not PROFILE=sha256:...; see 'edgectl package list'");
}
