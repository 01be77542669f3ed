#include <iostream>
#include <zoo/model.hpp>
int main(int, char** argv) {
  const zoo::Model drn(argv[1]);  // e.g. saved_models/drn/barrel_v2; load once, share between threads
  const zoo::Tensors out = drn.run({
      {"hits", zoo::Tensor::float32({1, 2, 5}, {10, 20, 41.5F, 0.15F, 0,    // ieta, iphi, GeV, noise GeV,
                                                10, 21, 3.2F, 0.15F, 0})},  // dead neighbours
      {"hit_mask", zoo::Tensor::float32({1, 2}, {1, 1})},
      {"event", zoo::Tensor::float32({1, 2}, {20.0F, 0.3F})}});  // rho and leakage in GeV
  std::cout << out.at("energy_gev").at<float>(0) << " +- " << out.at("sigma_gev").at<float>(0) << " GeV\n";
}
