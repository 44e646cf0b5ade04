using System.Diagnostics;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Benchmarks.Costs;

/// <summary>
/// How well the fitted cost model predicts students it has not seen, on the machine it runs on: half of a set of
/// students is in the fit, the other half is predicted. Prints every prediction and the median error.
/// </summary>
internal static class CostModelBenchmark
{
    private const int Rounds = 15;
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(20);

    /// <param name="profilePath">Profile whose published figures the fit starts from.</param>
    /// <param name="threads">Threads of the engine.</param>
    public static int Run(string profilePath, int threads)
    {
        var profile = ProfileLoader.Load(profilePath);
        var students = Students().Select(s => new Measured(s.Name, s.Plan, threads)).ToList();
        try
        {
            // Interleaved rounds, so that a slow minute of a shared machine does not fall on one student alone.
            foreach (var student in students)
                student.Sample(Window);
            for (var round = 0; round < Rounds; round++)
                foreach (var student in students)
                    student.Sample(Window);

            var (seen, unseen) = (students.Where((_, i) => i % 2 == 0).ToList(), students.Where((_, i) => i % 2 == 1).ToList());
            var published = PublishedCost.Of(profile, "int8", threads);
            var fitted = CostFit.Fit(published, [.. seen.Select(s => new CostSample(s.Costs, s.P50Us))]);

            Console.WriteLine($"kernel set {KernelSet.Best.Name}, {threads} thread(s), {seen.Count} students in the fit, {unseen.Count} predicted");
            Console.WriteLine($"{"student",-22} {"measured us",12} {"predicted us",13} {"error",8}");
            var errors = new List<double>();
            foreach (var s in unseen)
            {
                var predicted = fitted.PredictUs(s.Costs);
                errors.Add(Math.Abs(predicted / s.P50Us - 1));
                Console.WriteLine(FormattableString.Invariant($"{s.Name,-22} {s.P50Us,12:0.0} {predicted,13:0.0} {predicted / s.P50Us - 1,8:+0.0%;-0.0%}"));
            }
            errors.Sort();
            Console.WriteLine(FormattableString.Invariant($"median error {Statistics.Percentile([.. errors], 0.5):0.0%}, worst {errors[^1]:0.0%}; by leave-one-out in the fit {fitted.MedianError:0.0%}"));
            return 0;
        }
        finally
        {
            foreach (var student in students)
                student.Dispose();
        }
    }

    private static IEnumerable<(string Name, byte[] Plan)> Students()
    {
        foreach (var width in new[] { 4, 8, 12, 16, 24, 32, 40 })
            foreach (var size in new[] { 32, 64 })
                yield return ($"residual-{width}-{size}", SyntheticStudents.Residual(width, stages: 3, size));
        foreach (var width in new[] { 8, 16, 24, 32, 48, 64 })
            foreach (var size in new[] { 64, 96 })
                yield return ($"mobile-{width}-{size}", SyntheticStudents.Mobile(width, stages: 4, size));
    }

    private sealed class Measured : IDisposable
    {
        private readonly PlanModel _model;
        private readonly PlanExecutor _executor;
        private readonly float[] _input, _output;
        private readonly List<double> _us = [];

        public Measured(string name, byte[] plan, int threads)
        {
            Name = name;
            _model = PlanModel.Load(plan);
            _executor = new PlanExecutor(_model, threads);
            _input = new float[_model.InputShape.Count];
            _output = new float[_model.OutputShape.Count];
            for (var i = 0; i < _input.Length; i++)
                _input[i] = i % 256;
            Costs = OperatorCosts.Of(_model);
        }

        public string Name { get; }

        public IReadOnlyList<OperatorCost> Costs { get; }

        /// <summary>Median over the rounds of each round's median.</summary>
        public double P50Us
        {
            get
            {
                var sorted = _us.Order().ToArray();
                return Statistics.Percentile(sorted, 0.5);
            }
        }

        public void Sample(TimeSpan window)
        {
            var samples = new List<double>();
            for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < window || samples.Count < 5;)
            {
                var begin = Stopwatch.GetTimestamp();
                _executor.Run(_input, _output);
                samples.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
            }
            _us.Add(LatencySummary.Of([.. samples]).P50Us);
        }

        public void Dispose()
        {
            _executor.Dispose();
            _model.Dispose();
        }
    }
}
