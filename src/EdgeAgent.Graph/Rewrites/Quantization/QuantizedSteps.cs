using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>Reads a QDQ graph, ours or another tool's, as the integer operators it stands for.</summary>
internal static class QuantizedSteps
{
    /// <returns>The steps in order; every output of the graph is the output of a step, or a DequantizeLinear of one (then it is a step of its own).</returns>
    /// <exception cref="InvalidGraphException">A value is not quantized where it must be; the message names the node.</exception>
    public static IReadOnlyList<QuantizedStep> Of(GraphSpec graph) => new Reader(QuantizedDenseToGemm.Apply(graph)).Read();

    private sealed class Reader(GraphSpec graph)
    {
        private readonly ILookup<string, Node> _readers = graph.Nodes
            .SelectMany(n => n.Inputs.Distinct().Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node);

        private readonly HashSet<string> _outputs = [.. graph.Outputs.Select(o => o.Name)];

        /// <summary>Dequantized value to the quantized one behind it.</summary>
        private readonly Dictionary<string, string> _quantized = [];

        private readonly Dictionary<string, ActivationQuantization> _quantizations = [];

        /// <summary>Dequantized constants.</summary>
        private readonly Dictionary<string, Node> _constants = [];

        private readonly HashSet<Node> _absorbed = [];
        private readonly List<QuantizedStep> _steps = [];

        public IReadOnlyList<QuantizedStep> Read()
        {
            foreach (var node in graph.Nodes)
            {
                if (_absorbed.Contains(node))
                    continue;
                if (node.Op is DequantizeLinear)
                    ReadDequantize(node);
                else if (node.Op is QuantizeLinear)
                    ReadQuantize(node);
                else
                    ReadOperator(node);
            }
            return _steps;
        }

        private void ReadDequantize(Node node)
        {
            var quantized = node.Inputs[0];
            if (graph.Constants.ContainsKey(quantized))
            {
                _constants[node.Output] = node;
                return;
            }
            var quantization = Quantization(node);
            // An input in integers has the quantization that its first reader says.
            if (graph.Inputs.Any(i => i.Name == quantized))
                _quantizations.TryAdd(quantized, quantization);
            if (!_quantizations.TryGetValue(quantized, out var made) || made != quantization)
                throw Fault(node, "dequantizes with another scale or zero point than the value was quantized with");
            _quantized[node.Output] = quantized;
            if (_outputs.Contains(node.Output))
                _steps.Add(new(node, [quantized], node.Output, null, null, null));
        }

        private void ReadQuantize(Node node)
        {
            var quantization = Quantization(node);
            // Another quantization for a value that has one already.
            if (_quantized.TryGetValue(node.Inputs[0], out var quantized))
            {
                _quantizations[node.Output] = quantization;
                _steps.Add(new(node, [quantized], node.Output, quantization, null, null));
                return;
            }
            if (graph.Inputs.All(i => i.Name != node.Inputs[0]))
                throw Fault(node, $"quantizes '{node.Inputs[0]}', which other nodes read as float; quantize the graph with QdqRewrite");
            _quantizations[node.Output] = quantization;
            _steps.Add(new(node, [node.Inputs[0]], node.Output, quantization, null, null));
        }

        private void ReadOperator(Node node)
        {
            var weights = node.Op is Conv or Gemm ? Weights(node) : null;
            var read = weights is null ? node.Inputs : node.Inputs.Take(1);
            if (node.Op is BinaryOperator)
                foreach (var operand in node.Inputs)
                    if (_constants.TryGetValue(operand, out var constant) && !_quantizations.ContainsKey(operand))
                        ReadConstant(constant);
            var inputs = read.Select(i => _quantized.GetValueOrDefault(i, i)).ToList();
            var floating = inputs.Any(i => !_quantizations.ContainsKey(i));
            if (floating && node.Op is not (Softmax or ArgMax or Cast or Reshape or Flatten or Identity))
                throw Fault(node, $"reads '{inputs.First(i => !_quantizations.ContainsKey(i))}', which is not quantized");
            var (output, quantization, clamp) = Output(node);
            // Elements that are only moved stay the integers they are, written so or not.
            if (quantization is null && !floating && node.Op is Transpose or Reshape or Flatten or Identity or StridedSlice && !_outputs.Contains(output))
            {
                quantization = _quantizations[inputs[0]];
                _quantized[output] = output;
            }
            if (quantization is { } q)
                _quantizations[output] = q;
            _steps.Add(new(node, inputs, output, quantization, clamp, weights));
        }

        /// <summary>A constant operand: a value like any other, which no operator computes.</summary>
        private void ReadConstant(Node node)
        {
            var (values, quantization) = (graph.Constants[node.Inputs[0]], Quantization(node));
            if (values.Type != graph.Constants[node.Inputs[2]].Type)
                throw Fault(node, "has a zero point of another type than its values");
            _quantizations[node.Output] = quantization;
            var offset = values.Type == ElementType.Int8 ? 128 : 0;
            _steps.Add(new(node, [], node.Output, quantization, null, null) { Constant = Array.ConvertAll(Quantizing.Integers(values), q => (byte)(q + offset)) });
        }

        /// <summary>Follows the result through a clamp to its QuantizeLinear.</summary>
        private (string Output, ActivationQuantization? Quantization, Operator? Clamp) Output(Node node)
        {
            if (OnlyReader(node.Output) is not { } next)
                return (node.Output, null, null);
            if (next.Op is Relu or Clip && OnlyReader(next.Output) is { Op: QuantizeLinear } quantize)
            {
                _absorbed.UnionWith([next, quantize]);
                return (quantize.Output, Quantization(quantize), next.Op);
            }
            if (next.Op is not QuantizeLinear)
                return (node.Output, null, null);
            _absorbed.Add(next);
            return (next.Output, Quantization(next), null);
        }

        private Node? OnlyReader(string value)
        {
            var readers = _readers[value].Take(2).ToArray();
            return readers.Length == 1 && !_outputs.Contains(value) ? readers[0] : null;
        }

        private QuantizedWeights Weights(Node node)
        {
            if (node.Op is Gemm and not { Alpha: 1, Beta: 1, TransposeA: false, TransposeB: true })
                throw Fault(node, "only alpha = beta = 1 with weights [outputs, inputs] can be lowered");
            if (!_constants.TryGetValue(node.Inputs[1], out var dequantize))
                throw Fault(node, $"its weights '{node.Inputs[1]}' are not quantized constants");
            var values = graph.Constants[dequantize.Inputs[0]];
            if (!graph.Constants.ContainsKey(dequantize.Inputs[1]) || !graph.Constants.ContainsKey(dequantize.Inputs[2]) || values.Shape.Length < 2)
                throw Fault(node, "its weights are not quantized with constant scales and zero points");
            if (values.Type != ElementType.Int8 || Quantizing.Integers(graph.Constants[dequantize.Inputs[2]]).Any(z => z != 0))
                throw Fault(node, "its weights are not int8 with zero point 0");
            var (channels, scale) = (values.Shape[0], graph.Constants[dequantize.Inputs[1]].Floats);
            if (scale.Length != 1 && (scale.Length != channels || ((DequantizeLinear)dequantize.Op).Axis is var axis && axis != 0 && axis != -values.Shape.Length))
                throw Fault(node, "its weights have scales along another axis than the output channels");
            var scales = scale.Length == channels ? scale : [.. Enumerable.Repeat(scale[0], channels)];
            return new((sbyte[])values.Data, scales, Bias(node, scales), values.Shape);
        }

        private int[] Bias(Node node, float[] scales)
        {
            if (node.Inputs.Count < 3 || node.Inputs[2].Length == 0)
                return new int[scales.Length];
            if (!_constants.TryGetValue(node.Inputs[2], out var dequantize) || graph.Constants[dequantize.Inputs[0]].Type != ElementType.Int32
                || !graph.Constants.ContainsKey(dequantize.Inputs[1]))
                throw Fault(node, $"its bias '{node.Inputs[2]}' is not a quantized int32 constant");
            var biasScales = graph.Constants[dequantize.Inputs[1]].Floats;
            var input = _quantized.TryGetValue(node.Inputs[0], out var quantized) ? _quantizations[quantized] : throw Fault(node, $"reads '{node.Inputs[0]}', which is not quantized");
            for (var c = 0; c < scales.Length; c++)
            {
                // Of channels that are always zero it may be smaller than float32 can tell.
                var expected = (double)input.Scale * scales[c];
                if (!(Math.Abs(biasScales[c % biasScales.Length] - expected) <= 1e-5 * expected + float.Epsilon))
                    throw Fault(node, "the scale of its bias is not input scale times weight scale");
            }
            return (int[])graph.Constants[dequantize.Inputs[0]].Data;
        }

        /// <summary>Scale and zero point of a per-tensor QuantizeLinear or DequantizeLinear, stated for u8.</summary>
        private ActivationQuantization Quantization(Node node)
        {
            if (!graph.Constants.TryGetValue(node.Inputs[1], out var scale) || scale.Count != 1
                || !graph.Constants.TryGetValue(node.Inputs[2], out var zero) || zero.Type is not (ElementType.UInt8 or ElementType.Int8))
                throw Fault(node, "activations need one constant scale and an 8-bit zero point");
            return new(scale.Floats[0], (byte)(Quantizing.Integers(zero)[0] + (zero.Type == ElementType.Int8 ? 128 : 0)));
        }

        private static InvalidGraphException Fault(Node node, string what) => new($"node '{node.Name}' ({node.Op.Type}): {what}");
    }
}
