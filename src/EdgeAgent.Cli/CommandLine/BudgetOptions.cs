using System.CommandLine;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>What a student may cost, and must be worth, in place of what the profiles say.</summary>
internal sealed class BudgetOptions
{
    private readonly Option<double?> _latency = Positive(new("--max-latency-ms") { Description = "Latency budget, in place of the profiles'" });
    private readonly Option<long?> _bytes = new Option<long?>("--max-model-bytes") { Description = "Size budget, in place of the profiles'" }.Accept(n => n is >= 1, "--max-model-bytes must be at least 1.");
    private readonly Option<double?> _energy = Positive(new("--max-energy-mj") { Description = "Energy budget of one inference, in place of the profiles'" });
    private readonly Option<double?> _accuracy = new Option<double?>("--min-accuracy") { Description = "Choose the fastest student with this top-1 (a fraction), not the most accurate" }.Accept(share => share is > 0 and <= 1, "--min-accuracy must be above 0 and at most 1.");

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_latency, _bytes, _energy, _accuracy])
            command.Options.Add(option);
    }

    public ProfileBudgets Read(ParseResult parsed) => new(parsed.GetValue(_latency), parsed.GetValue(_bytes), parsed.GetValue(_energy), parsed.GetValue(_accuracy));

    private static Option<double?> Positive(Option<double?> option) => option.Accept(value => value > 0, $"{option.Name} must be above 0.");
}
